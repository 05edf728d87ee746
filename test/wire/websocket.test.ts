/** Section 6 of both specifications: MQTT over WebSocket. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { WebSocket } from 'ws';
import { createNode, type EmbeddedNode } from '../../src/mod.js';
import { connect, pingreq, publish, subscribe } from '../fixtures/client-packets.js';
import { type ServerPacket, ServerPacketReader } from '../fixtures/server-packets.js';

describe('MQTT over WebSocket', () => {
  let node: EmbeddedNode;
  let url: string;

  before(async () => {
    node = await createNode({
      config: {
        'listener.tcp.default': 'off',
        'listener.ws.default': '127.0.0.1:0',
        store: 'memory',
      },
    });
    url = `ws://127.0.0.1:${node.listeners[0]?.port}/mqtt`;
  });

  after(() => node.close());

  async function open(protocols: string[] = ['mqtt']): Promise<WebSocket> {
    const socket = new WebSocket(url, protocols);
    await once(socket, 'open');
    return socket;
  }

  /** Resolves with the packets once there are `count`. */
  function packets(socket: WebSocket, count: number): Promise<ServerPacket[]> {
    const reader = new ServerPacketReader(4);
    const received: ServerPacket[] = [];
    return new Promise((resolve) => {
      socket.on('message', (data: Buffer, isBinary) => {
        assert.ok(isBinary, 'a server sends binary frames [MQTT5-6.0.0-3] [MQTT3-6.0.0-3]');
        received.push(...reader.push(data));
        if (received.length >= count) resolve(received);
      });
    });
  }

  it('selects the sub-protocol mqtt, also of several [MQTT5-6.0.0-4] [MQTT3-6.0.0-4]', async () => {
    for (const offered of [['mqtt'], ['other', 'mqtt']]) {
      const socket = await open(offered);
      assert.equal(socket.protocol, 'mqtt');
      socket.terminate();
    }
  });

  it('takes packets that frames cut or gather [MQTT5-6.0.0-2] [MQTT3-6.0.0-2]', async () => {
    const socket = await open();
    const answers = packets(socket, 4);
    const bytes = Buffer.concat([
      connect(4, { clientIdentifier: 'w' }),
      subscribe(4, 1, [{ topicFilter: 'a' }]),
      publish(4, { topicName: 'a', payload: 'x' }),
      pingreq(),
    ]);
    for (let at = 0; at < bytes.length; at += 7) socket.send(bytes.subarray(at, at + 7));
    const kinds = (await answers).map(({ kind }) => kind);
    assert.deepEqual(kinds, ['connack', 'suback', 'publish', 'pingresp']);
    socket.terminate();
  });

  it('closes on a frame that is not binary [MQTT5-6.0.0-1] [MQTT3-6.0.0-1]', async () => {
    const socket = await open();
    socket.send('text');
    const [code] = (await once(socket, 'close')) as [number];
    assert.ok(code === 1003 || code === 1006);
  });
});
