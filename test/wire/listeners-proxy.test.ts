/** Who the client is: PROXY protocol, X-Forwarded-For, and what of them is refused. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import tls from 'node:tls';
import type { ListenerOptions } from '../../src/listeners/mod.js';
import type { PeerFacts } from '../../src/session/mod.js';
import { Certificates, hasOpenssl, tlsOptions } from '../fixtures/certificates.js';
import { hex } from '../fixtures/client-packets.js';
import { dialTcp, dialWebSocket, ListenerRig } from '../fixtures/listener-rig.js';

const signature = hex('0d0a0d0a 000d0a51 5549540a');

/** A header of version 2: `first` is version and command, `family` as on the wire. */
function version2(first: number, family: number, block: Uint8Array, claimed?: number): Buffer {
  const head = Buffer.from([first, family, 0, 0]);
  head.writeUInt16BE(claimed ?? block.length, 2);
  return Buffer.concat([signature, head, block]);
}

function tlv(type: number, value: Uint8Array): Buffer {
  const head = Buffer.from([type, 0, 0]);
  head.writeUInt16BE(value.length, 1);
  return Buffer.concat([head, value]);
}

const ipv4 = hex('c0000201 c6336402 d431 075b');
const ipv6 = hex('20010db8000000000000000000000001 20010db8000000000000000000000002 d431 075b');
const commonName = tlv(0x22, Buffer.from('meter 7'));
const verified = tlv(0x20, Buffer.concat([hex('07 00000000'), commonName]));
const unverified = tlv(0x20, Buffer.concat([hex('07 00000001'), commonName]));

interface Vector {
  readonly what: string;
  readonly header: Uint8Array | string;
  /** '': the proxy itself. */
  readonly host: string;
  readonly port?: number;
  readonly identity?: string;
}

const vectors: readonly Vector[] = [
  {
    what: 'version 1 over IPv4',
    header: 'PROXY TCP4 192.0.2.1 198.51.100.2 54321 1883\r\n',
    host: '192.0.2.1',
    port: 54321,
  },
  {
    what: 'version 1 over IPv6',
    header: 'PROXY TCP6 2001:db8::1 2001:db8::2 54321 1883\r\n',
    host: '2001:db8::1',
    port: 54321,
  },
  { what: 'version 1, unknown', header: 'PROXY UNKNOWN\r\n', host: '' },
  { what: 'version 1, unknown with more', header: 'PROXY UNKNOWN ff:: ff:: 1 2\r\n', host: '' },
  {
    what: 'version 2 over IPv4',
    header: version2(0x21, 0x11, ipv4),
    host: '192.0.2.1',
    port: 54321,
  },
  {
    what: 'version 2 over IPv6',
    header: version2(0x21, 0x21, ipv6),
    host: '2001:db8:0:0:0:0:0:1',
    port: 54321,
  },
  { what: 'version 2, the proxy itself', header: version2(0x20, 0x00, hex('')), host: '' },
  {
    what: 'version 2 with the name of a verified certificate',
    header: version2(0x21, 0x11, Buffer.concat([ipv4, tlv(0x04, Buffer.alloc(40)), verified])),
    host: '192.0.2.1',
    port: 54321,
    identity: 'meter 7',
  },
  {
    what: 'version 2 with the name of a certificate that was not verified',
    header: version2(0x21, 0x11, Buffer.concat([ipv4, unverified])),
    host: '192.0.2.1',
    port: 54321,
  },
  {
    what: 'version 2 with an entry that is cut',
    header: version2(0x21, 0x11, Buffer.concat([ipv4, hex('20 00ff 00')])),
    host: '192.0.2.1',
    port: 54321,
  },
];

const malformed: readonly { readonly what: string; readonly header: Uint8Array | string }[] = [
  { what: 'no header', header: hex('10 0c 00 04 4d 51 54 54 04 02 00 00 00 00') },
  { what: 'another word', header: 'PROXX TCP4 1.2.3.4 1.2.3.4 1 2\r\n' },
  { what: 'another family', header: 'PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n' },
  { what: 'a missing port', header: 'PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n' },
  { what: 'one field more', header: 'PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n' },
  { what: 'a port that is too high', header: 'PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n' },
  { what: 'a host that is none', header: 'PROXY TCP4 <script> 1.2.3.4 1 2\r\n' },
  { what: 'a host of the other family', header: 'PROXY TCP4 2001:db8::1 1.2.3.4 1 2\r\n' },
  { what: 'a host with a number too high', header: 'PROXY TCP4 1.2.3.444 1.2.3.4 1 2\r\n' },
  { what: 'a line without an end', header: `PROXY TCP4 ${'1'.repeat(120)}` },
  { what: 'a version that does not exist', header: version2(0x31, 0x11, ipv4) },
  { what: 'a command that does not exist', header: version2(0x22, 0x11, ipv4) },
  { what: 'addresses that are cut', header: version2(0x21, 0x11, ipv4.subarray(0, 8)) },
  { what: 'a block that is too long', header: version2(0x21, 0x11, ipv4, 60_000) },
];

async function open(
  t: TestContext,
  options: Partial<ListenerOptions>,
): Promise<[ListenerRig, number]> {
  const rig = new ListenerRig();
  const port = await rig.open(options);
  t.after(() => rig.close());
  return [rig, port];
}

describe('the PROXY protocol', () => {
  for (const { what, header, host, port: from, identity } of vectors) {
    for (const way of ['whole', 'byte by byte'] as const) {
      it(`${what}, ${way}: the client is known, its bytes follow`, async (t) => {
        const [rig, port] = await open(t, { proxyProtocol: true });
        const peer = await dialTcp(port);
        const all = Buffer.concat([Buffer.from(header), Buffer.from('mqtt')]);
        if (way === 'whole') peer.send(all);
        else for (const byte of all) peer.send(Buffer.of(byte));
        const handler = await rig.accepted();
        await rig.watch.until('bytes', () => handler.text === 'mqtt');
        const facts = handler.link.peer;
        assert.equal(facts.host, host === '' ? '127.0.0.1' : host);
        if (from !== undefined) assert.equal(facts.port, from);
        assert.equal(facts.identity, identity);
        peer.drop();
      });
    }
  }

  for (const { what, header } of malformed) {
    it(`${what}: closed, no client comes of it, the log says why`, async (t) => {
      const [rig, port] = await open(t, { proxyProtocol: true });
      const peer = await dialTcp(port);
      peer.send(header);
      await peer.closed();
      assert.equal(peer.received.length, 0);
      assert.equal(rig.handlers.length, 0);
      assert.ok(rig.logged(/PROXY/) !== undefined);
    });
  }

  it('the name is not taken where proxy_protocol_use_cn_as_username is off', async (t) => {
    const [rig, port] = await open(t, { proxyProtocol: true, proxyProtocolUseCnAsUsername: false });
    const peer = await dialTcp(port);
    peer.send(version2(0x21, 0x11, Buffer.concat([ipv4, verified])));
    assert.equal((await rig.accepted()).link.peer.identity, undefined);
    peer.drop();
  });

  it('it stands before a WebSocket upgrade, too', async (t) => {
    const [rig, port] = await open(t, { type: 'ws', proxyProtocol: true });
    const peer = await dialTcp(port);
    peer.send(
      'PROXY TCP4 192.0.2.1 198.51.100.2 54321 80\r\n' +
        `GET /mqtt HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\n` +
        'Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n' +
        'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
    );
    const handler = await rig.accepted();
    assert.equal(handler.link.peer.host, '192.0.2.1');
    peer.drop();
  });

  const title = 'it stands before a TLS handshake, too';
  if (!hasOpenssl) it.skip(`${title} (skipped: openssl is not installed)`);
  else
    it(title, async (t) => {
      const server = tlsOptions(new Certificates().server);
      const [rig, port] = await open(t, { type: 'ssl', tls: server, proxyProtocol: true });
      const socket = net.connect({ port, host: '127.0.0.1' });
      await once(socket, 'connect');
      socket.write('PROXY TCP4 192.0.2.1 198.51.100.2 54321 8883\r\n');
      const secure = tls.connect({ socket, rejectUnauthorized: false });
      secure.write('mqtt');
      const handler = await rig.accepted();
      await rig.watch.until('bytes', () => handler.text === 'mqtt');
      assert.equal(handler.link.peer.host, '192.0.2.1');
      secure.destroy();
    });
});

describe('X-Forwarded-For', () => {
  const commonName = { 'X-SSL-Client-CN': 'meter 8' };
  const headers = { 'X-Forwarded-For': '203.0.113.9, 10.0.0.1', ...commonName };
  const behindProxy: Partial<ListenerOptions> = {
    type: 'ws',
    proxyXffSupport: true,
    proxyXffTrustedIntermediate: ['127.0.0.1'],
  };

  /** The peer that a listener sees for a connection with `headers`. */
  async function peerOf(
    t: TestContext,
    options: Partial<ListenerOptions>,
    headers: Record<string, string>,
  ): Promise<{ peer: PeerFacts; rig: ListenerRig }> {
    const [rig, port] = await open(t, options);
    const { peer } = await dialWebSocket(`ws://127.0.0.1:${port}/mqtt`, { headers });
    const { link } = await rig.accepted();
    t.after(() => peer.drop());
    return { peer: link.peer, rig };
  }

  it('names the client, and its certificate where that is wanted', async (t) => {
    const { peer } = await peerOf(t, { ...behindProxy, proxyXffUseCnAsUsername: true }, headers);
    assert.equal(peer.host, '203.0.113.9');
    assert.equal(peer.identity, 'meter 8');
  });

  it('leaves the certificate alone where that is not wanted', async (t) => {
    const { peer } = await peerOf(t, behindProxy, headers);
    assert.equal(peer.identity, undefined);
  });

  it('goes with the header for the name that is configured; the name is UTF-8', async (t) => {
    const options = { proxyXffUseCnAsUsername: true, proxyXffCnHeader: 'x-cn' };
    const utf8 = Buffer.from('Zähler 8', 'utf8').toString('latin1');
    const sent = { ...headers, 'X-CN': utf8 };
    const { peer } = await peerOf(t, { ...behindProxy, ...options }, sent);
    assert.equal(peer.identity, 'Zähler 8');
  });

  it('with an empty name leaves the client its own user name', async (t) => {
    const sent = { 'X-Forwarded-For': '203.0.113.9', 'X-SSL-Client-CN': '' };
    const { peer } = await peerOf(t, { ...behindProxy, proxyXffUseCnAsUsername: true }, sent);
    assert.equal(peer.identity, undefined);
  });

  it('is not believed where it is not switched on', async (t) => {
    const options = { type: 'ws', proxyXffUseCnAsUsername: true } as const;
    const { peer } = await peerOf(t, options, headers);
    assert.equal(peer.host, '127.0.0.1');
    assert.equal(peer.identity, undefined);
  });

  for (const [what, proxyXffTrustedIntermediate] of [
    ['a proxy that is not trusted', ['192.0.2.200']],
    ['any proxy, where none is trusted', []],
  ] as const) {
    it(`from ${what} is refused`, async (t) => {
      const [rig, port] = await open(t, { ...behindProxy, proxyXffTrustedIntermediate });
      await assert.rejects(dialWebSocket(`ws://127.0.0.1:${port}/mqtt`, { headers }), /403/);
      assert.equal(rig.handlers.length, 0);
      assert.ok(rig.logged(/127\.0\.0\.1 is not in proxy_xff_trusted_intermediate/) !== undefined);
    });
  }

  it('of a client that connects too often is refused as that', async (t) => {
    const rig = new ListenerRig({ maxConnectRate: 1 });
    const port = await rig.open(behindProxy);
    t.after(() => rig.close());
    const url = `ws://127.0.0.1:${port}/mqtt`;
    for (let count = 0; count < 2; count += 1) {
      const { peer } = await dialWebSocket(url, { headers });
      t.after(() => peer.drop());
    }
    await assert.rejects(dialWebSocket(url, { headers }), /429/);
    assert.ok(rig.logged(/max_connect_rate/) !== undefined);
  });

  const addresses = [
    ['203.0.113.9', '203.0.113.9'],
    ['203.0.113.9:4711', '203.0.113.9'],
    ['2001:db8::9', '2001:db8::9'],
    ['2001:0DB8:0:0:0:0:0:9', '2001:db8::9'],
    ['[2001:db8::9]', '2001:db8::9'],
    ['[2001:db8::9]:4711', '2001:db8::9'],
    ['::ffff:203.0.113.9', '203.0.113.9'],
  ] as const;
  for (const [element, host] of addresses) {
    it(`takes ${host} from ${element}`, async (t) => {
      const { peer, rig } = await peerOf(t, behindProxy, { 'X-Forwarded-For': `${element},x` });
      assert.equal(peer.host, host);
      assert.equal(rig.logged(/X-Forwarded-For/), undefined);
    });
  }

  for (const element of [
    'unknown',
    'admin.example',
    '203.0.113.256',
    '203.0.113.9:port',
    '203.0.113.9:',
    '[203.0.113.9]',
    '[2001:db8::9',
    '2001:db8::9]:4711',
    'fe80::1%eth0',
    '203.0.113.9 evil',
    '"203.0.113.9"',
    ', 203.0.113.9',
    'x'.repeat(8000),
  ]) {
    const shown = element.slice(0, 20);
    it(`does not believe ${shown}: the proxy's own address counts, and a warning says so`, async (t) => {
      const { peer, rig } = await peerOf(t, behindProxy, { 'X-Forwarded-For': element });
      assert.equal(peer.host, '127.0.0.1');
      const line = rig.logged(/X-Forwarded-For does not begin with an IP address/);
      assert.equal(line?.level, 'warn');
      assert.equal(line.fields.header, element.slice(0, 100).trim());
    });
  }

  it('without an address is warned of once a minute, with the number of times', async (t) => {
    const [rig, port] = await open(t, behindProxy);
    const dial = async (): Promise<void> => {
      const bad = { headers: { 'X-Forwarded-For': 'unknown' } };
      const { peer } = await dialWebSocket(`ws://127.0.0.1:${port}/mqtt`, bad);
      await rig.accepted();
      t.after(() => peer.drop());
    };
    const warnings = (): unknown[] =>
      rig.log.filter(({ level }) => level === 'warn').map(({ fields }) => fields.times);
    for (let count = 0; count < 3; count += 1) await dial();
    assert.deepEqual(warnings(), [1]);
    rig.now += 60_000;
    await dial();
    assert.deepEqual(warnings(), [1, 3]);
  });

  it('that is absent leaves the address of the proxy, without a warning', async (t) => {
    const { peer, rig } = await peerOf(t, behindProxy, {});
    assert.equal(peer.host, '127.0.0.1');
    assert.equal(rig.logged(/X-Forwarded-For/), undefined);
  });
});
