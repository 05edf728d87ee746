/**
 * No broker: sockets that hand a publisher's bytes to its subscriber as they come. It shows what
 * the load generator can do when nothing else is in the way; QoS 0 pairs with MQTT 3.1.1 only.
 */
import { createServer, type Socket } from 'node:net';

const CONNECT = 1;
const PUBLISH = 3;
const SUBSCRIBE = 8;

const subscribers = new Map<string, Socket>();

/** Text with a two-byte length at `offset`. */
function textAt(chunk: Buffer, offset: number): string {
  const start = offset + 2;
  return chunk.toString('latin1', start, start + chunk.readUInt16BE(offset));
}

/** The first packet of a chunk decides; the generator's first packets arrive one by one. */
function onFirstPackets(socket: Socket, chunk: Buffer): Socket | undefined {
  switch ((chunk[0] ?? 0) >> 4) {
    case CONNECT:
      socket.write(Buffer.from([0x20, 2, 0, 0]));
      return undefined;
    case SUBSCRIBE:
      subscribers.set(textAt(chunk, 4), socket);
      socket.write(Buffer.from([0x90, 3, chunk[2] ?? 0, chunk[3] ?? 0, 0]));
      return undefined;
    case PUBLISH:
      return subscribers.get(textAt(chunk, 2));
    default:
      return undefined;
  }
}

const server = createServer({ noDelay: true }, (socket) => {
  let target: Socket | undefined;
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    target ??= onFirstPackets(socket, chunk);
    target?.write(chunk);
  });
});
server.listen(Number(process.argv[2]), '127.0.0.1');
