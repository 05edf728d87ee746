/** Sockets of the cluster over mutual TLS: both ends show a certificate, and are bound to it. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import tls from 'node:tls';
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type net from 'node:net';
import { once } from 'node:events';
import { PeerError, PeerTls, type PeerTlsOptions } from '../../src/peers/mod.js';
import { Certificates, hasOpenssl, type Pair } from '../fixtures/certificates.js';
import { PeerRig } from '../fixtures/peer-rig.js';

const certificates = hasOpenssl ? new Certificates() : undefined;

function optionsOf(pair: Pair, cafile: string): PeerTlsOptions {
  return {
    ...{ cafile, certfile: pair.certfile, keyfile: pair.keyfile, crlfile: '', keypasswd: '' },
    ...{ ciphers: '', eccs: '', tlsVersion: ['tlsv1.2', 'tlsv1.3'], tlsHandshakeTimeout: 5000 },
  };
}

if (certificates === undefined) it.skip('peers over TLS (skipped: openssl is not installed)');
else
  describe('a cluster connection over mutual TLS', () => {
    const cafile = certificates.authority.certfile;
    const far = optionsOf(certificates.server, cafile);
    const near = optionsOf(certificates.issue('near', 'node1'), cafile);

    async function listening(t: TestContext): Promise<[PeerRig, PeerRig, number]> {
      const rigs = [new PeerRig(1), new PeerRig(2)] as const;
      t.after(() => Promise.all(rigs.map((rig) => rig.close())));
      const port = await rigs[1].listen({ type: 'vmqs', tls: far });
      return [...rigs, port];
    }

    it('lets two nodes prove themselves that show certificates of their authority', async (t) => {
      const [one, other, port] = await listening(t);
      one.dial(port, new PeerTls(near, 'listener.vmqs.default'));
      await Promise.all([one.met(), other.met()]);
    });

    it('refuses a node that shows a certificate of another authority', async (t) => {
      const [one, other, port] = await listening(t);
      const foreign = optionsOf(new Certificates().issue('foreign', 'node1'), cafile);
      one.dial(port, new PeerTls(foreign, 'listener.vmqs.default'));
      await one.closed();
      const refused = /TLS handshake of another node failed/;
      await other.watch.until('log', () => other.log.some(({ message }) => refused.test(message)));
      assert.equal(other.ready.length, 0);
    });

    it('does not trust a node whose certificate its own authority did not sign', async (t) => {
      const [one, other, port] = await listening(t);
      const elsewhere = new Certificates().authority.certfile;
      one.dial(port, new PeerTls({ ...near, cafile: elsewhere }, 'listener.vmqs.default'));
      assert.match(await one.closed(), /not vouched for/);
      assert.equal(other.ready.length, 0);
    });

    it('refuses whoever shows no certificate', async (t) => {
      const [, other, port] = await listening(t);
      const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
      socket.on('error', () => {});
      const refused = /showed no certificate/;
      await other.watch.until('log', () => other.log.some(({ message }) => refused.test(message)));
      assert.equal(other.handshakes, 0);
      socket.destroy();
    });

    it('tells a node without TLS that it came to a listener with it', async (t) => {
      const [one, other, port] = await listening(t);
      one.dial(port);
      await one.closed();
      assert.equal(other.ready.length, 0);
    });

    it('refuses a handshake that somebody between the two carries over, TLS on both sides', async (t) => {
      const [one, other, port] = await listening(t);
      // He has a good certificate, and so could read and change everything.
      const own = certificates.issue('between', 'node3');
      const [cert, key, ca] = [own.certfile, own.keyfile, cafile].map((file) => readFileSync(file));
      const secure = { cert, key, ca } as tls.TlsOptions;
      const between = tls.createServer({ ...secure, requestCert: true }, (socket) => {
        const away = tls.connect({
          ...{ cert, key, ca, port, host: '127.0.0.1' },
          checkServerIdentity: () => undefined,
        } as tls.ConnectionOptions);
        for (const [from, to] of [
          [socket, away],
          [away, socket],
        ] as const) {
          from.on('error', () => to.destroy());
          from.on('close', () => to.destroy());
          from.pipe(to);
        }
      });
      between.listen(0, '127.0.0.1');
      await once(between, 'listening');
      t.after(() => between.close());
      one.dial(
        (between.address() as net.AddressInfo).port,
        new PeerTls(near, 'listener.vmqs.default'),
      );
      const { sentence } = await other.refused();
      assert.match(sentence, /cookie|TLS/);
      assert.equal(other.ready.length, 0);
      assert.equal(one.ready.length, 0);
    });

    it('takes a certificate that changed on disk for new connections', async (t) => {
      const [one, other, port] = await listening(t);
      const renewed = certificates.issue('renewed', 'node1');
      const certfile = join(certificates.directory, 'current.pem');
      const keyfile = join(certificates.directory, 'current.key');
      // At first that of somebody else's authority.
      const foreign = new Certificates().issue('foreign', 'node1');
      copyFileSync(foreign.certfile, certfile);
      copyFileSync(foreign.keyfile, keyfile);
      const secure = new PeerTls({ ...near, certfile, keyfile }, 'listener.vmqs.default');
      one.dial(port, secure);
      await one.closed();
      assert.equal(secure.reload(), false);
      copyFileSync(renewed.certfile, certfile);
      copyFileSync(renewed.keyfile, keyfile);
      assert.equal(secure.reload(), true);
      one.dial(port, secure);
      await Promise.all([one.met(), other.met()]);
    });

    it('needs certificate, key and authority, and names the option that is missing', () => {
      for (const option of ['cafile', 'certfile', 'keyfile'] as const) {
        const make = (): PeerTls => new PeerTls({ ...near, [option]: '' }, 'listener.vmqs.default');
        assert.throws(make, (error: unknown) => {
          assert.ok(error instanceof PeerError);
          assert.equal(error.code, 'PEER_TLS');
          assert.match(error.message, new RegExp(`^listener\\.vmqs\\.default\\.${option} is not`));
          return true;
        });
      }
    });
  });
