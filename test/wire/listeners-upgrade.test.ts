/** Which HTTP requests become a WebSocket of MQTT. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { describe, it, type TestContext } from 'node:test';
import type { ListenerOptions } from '../../src/listeners/mod.js';
import { dialTcp, dialWebSocket, ListenerRig } from '../fixtures/listener-rig.js';

async function open(
  t: TestContext,
  options: Partial<ListenerOptions> = {},
): Promise<[ListenerRig, number]> {
  const rig = new ListenerRig();
  const port = await rig.open({ type: 'ws', ...options });
  t.after(() => rig.close());
  return [rig, port];
}

interface Case {
  readonly what: string;
  readonly origin?: string;
  readonly host?: string;
  readonly path?: string;
  readonly protocols?: string[];
  readonly options?: Partial<ListenerOptions>;
  /** Undefined: let in. */
  readonly status?: number;
}

const everywhere = { host: '0.0.0.0' };

const cases: readonly Case[] = [
  { what: 'no Origin, as programs connect' },
  { what: 'localhost as Host of a loopback listener', host: 'localhost:PORT' },
  { what: 'the own Origin', origin: 'http://127.0.0.1:PORT' },
  { what: 'another Origin', origin: 'https://evil.example', status: 403 },
  { what: 'the Origin null', origin: 'null', status: 403 },
  { what: 'the own host on another port as Origin', origin: 'http://127.0.0.1:1', status: 403 },
  { what: 'a foreign Host on loopback (DNS rebinding)', host: 'evil.example:PORT', status: 403 },
  {
    what: 'a foreign Host with an Origin that agrees with it, on loopback',
    host: 'evil.example:PORT',
    origin: 'http://evil.example:PORT',
    status: 403,
  },
  {
    what: 'an allowed Origin',
    origin: 'https://good.example',
    options: { allowedOrigins: ['https://good.example'] },
  },
  {
    what: 'an Origin that only begins like an allowed one',
    origin: 'https://good.example.evil.example',
    options: { allowedOrigins: ['https://good.example'] },
    status: 403,
  },
  {
    what: 'any Origin where all are allowed',
    origin: 'https://any.example',
    options: { allowedOrigins: ['*'] },
  },
  { what: 'any Host on an open listener', host: 'broker.example:PORT', options: everywhere },
  {
    what: 'the own Origin by a name on an open listener',
    host: 'broker.example:PORT',
    origin: 'http://broker.example:PORT',
    options: everywhere,
  },
  { what: 'another path', path: '/other', status: 404 },
  { what: 'the path with a query', path: '/mqtt?token=1' },
  { what: 'the sub-protocol of MQTT 3.1', protocols: ['mqttv3.1'] },
  { what: 'a sub-protocol among others', protocols: ['chat', 'mqtt'] },
  { what: 'another sub-protocol', protocols: ['chat'], status: 400 },
  { what: 'no sub-protocol', protocols: [], status: 400 },
];

describe('an upgrade with', () => {
  for (const { what, origin, host, path, protocols, options, status } of cases) {
    it(`${what} is ${status === undefined ? 'let in' : `refused with ${status}`}`, async (t) => {
      const [rig, port] = await open(t, options);
      const filled = (text: string): string => text.replace('PORT', String(port));
      const headers: Record<string, string> = {};
      if (origin !== undefined) headers.Origin = filled(origin);
      if (host !== undefined) headers.Host = filled(host);
      const url = `ws://127.0.0.1:${port}${path ?? '/mqtt'}`;
      const dialed = dialWebSocket(url, { headers }, protocols ?? ['mqtt']);
      if (status !== undefined) {
        await assert.rejects(dialed, new RegExp(`response: ${status}`));
        assert.equal(rig.handlers.length, 0);
        return;
      }
      const { peer, socket } = await dialed;
      assert.match(socket.protocol, /^mqtt/);
      const handler = await rig.accepted();
      peer.send('hello');
      await rig.watch.until('hello', () => handler.text === 'hello');
      peer.drop();
    });
  }
});

describe('a WebSocket listener', () => {
  it('tells a browser that asks for a page where MQTT is', async (t) => {
    const [, port] = await open(t);
    const request = http.get({ port, host: '127.0.0.1', path: '/' });
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    assert.equal(response.statusCode, 426);
    response.resume();
  });

  it('closes on text messages, MQTT being binary', async (t) => {
    const [rig, port] = await open(t);
    const { socket } = await dialWebSocket(`ws://127.0.0.1:${port}/mqtt`);
    const handler = await rig.accepted();
    socket.send('text');
    await once(socket, 'close');
    await rig.watch.until('onClosed', () => handler.closes.length > 0);
    assert.equal(handler.receivedBytes, 0);
  });

  it('closes on a message above max_ws_frame_size', async (t) => {
    const [rig, port] = await open(t, { maxWsFrameSize: 1000 });
    const { peer, socket } = await dialWebSocket(`ws://127.0.0.1:${port}/mqtt`);
    const handler = await rig.accepted();
    const closed = once(socket, 'close');
    peer.send(Buffer.alloc(1001));
    const [code] = (await closed) as [number];
    assert.equal(code, 1009);
    await rig.watch.until('onClosed', () => handler.closes.length > 0);
    assert.equal(handler.receivedBytes, 0);
  });

  it('closes what is no HTTP, and headers without an end, without a client coming of it', async (t) => {
    const [rig, port] = await open(t);
    for (const bytes of [
      '\x10\x0c\x00\x04MQTT',
      `GET /mqtt HTTP/1.1\r\nA: ${'x'.repeat(20_000)}`,
    ]) {
      const peer = await dialTcp(port);
      peer.send(bytes);
      await peer.closed();
    }
    assert.equal(rig.handlers.length, 0);
  });
});
