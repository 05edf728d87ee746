/**
 * TLS listeners: certificates of clients, revocation, versions, and a change of files while open.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { TLSSocket } from 'node:tls';
import type { TlsOptions } from '../../src/listeners/mod.js';
import { Certificates, hasOpenssl, type Pair, tlsOptions } from '../fixtures/certificates.js';
import { dialTcp, dialTls, ListenerRig, listenerOptions } from '../fixtures/listener-rig.js';

const certificates = hasOpenssl ? new Certificates() : undefined;

if (certificates === undefined) it.skip('TLS listeners (skipped: openssl is not installed)');
else
  describe('a TLS listener', () => {
    const { server, authority } = certificates;
    const client = certificates.issue('client', 'meter 9');
    const cafile = authority.certfile;

    async function open(
      t: TestContext,
      changed: Partial<TlsOptions>,
      forward = false,
    ): Promise<[ListenerRig, number]> {
      const rig = new ListenerRig();
      const tls = tlsOptions(server, changed);
      const port = await rig.open({ type: 'ssl', tls, forwardConnectionOpts: forward });
      t.after(() => rig.close());
      return [rig, port];
    }

    function present(pair: Pair): { cert: Buffer; key: Buffer } {
      return { cert: readFileSync(pair.certfile), key: readFileSync(pair.keyfile) };
    }

    it('takes the common name of a verified client as its identity', async (t) => {
      const strict = { cafile, requireCertificate: true, useIdentityAsUsername: true };
      const [rig, port] = await open(t, strict, true);
      const peer = await dialTls(port, present(client));
      const { link } = await rig.accepted();
      assert.equal(link.peer.identity, 'meter 9');
      assert.ok((link.peer.certificate?.length ?? 0) > 100);
      peer.drop();
    });

    it('refuses a client without a certificate where one is required', async (t) => {
      const [rig, port] = await open(t, { cafile, requireCertificate: true });
      const peer = await dialTls(port, {}).catch(() => undefined);
      await peer?.closed();
      await rig.watch.until('log', () => rig.logged(/TLS handshake failed/) !== undefined);
      assert.equal(rig.handlers.length, 0);
    });

    it('gives no identity to a certificate of another authority', async (t) => {
      const foreign = new Certificates().issue('foreign', 'meter 9');
      const [rig, port] = await open(t, { cafile, useIdentityAsUsername: true }, true);
      const peer = await dialTls(port, present(foreign));
      const { link } = await rig.accepted();
      assert.equal(link.peer.identity, undefined);
      assert.equal(link.peer.certificate, undefined);
      peer.drop();
    });

    it('refuses a revoked certificate', async (t) => {
      const lost = certificates.issue('lost', 'meter 10');
      const crlfile = certificates.revoke(lost);
      const [rig, port] = await open(t, { cafile, crlfile, requireCertificate: true });
      const peer = await dialTls(port, present(lost)).catch(() => undefined);
      await peer?.closed();
      await rig.watch.until('log', () => rig.logged(/TLS handshake failed/) !== undefined);
      assert.equal(rig.handlers.length, 0);
      const good = await dialTls(port, present(client));
      await rig.accepted();
      good.drop();
    });

    it('speaks the configured versions only', async (t) => {
      const [, port] = await open(t, { tlsVersion: ['tlsv1.3'] });
      await assert.rejects(dialTls(port, { maxVersion: 'TLSv1.2' }));
      const peer = await dialTls(port);
      assert.equal((peer.stream as TLSSocket).getProtocol(), 'TLSv1.3');
      peer.drop();
    });

    it('closes a client that does not finish its handshake', async (t) => {
      const [rig, port] = await open(t, { tlsHandshakeTimeout: 200 });
      const peer = await dialTcp(port);
      await peer.closed();
      const noise = await dialTcp(port);
      noise.send('\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00');
      await noise.closed();
      assert.equal(rig.handlers.length, 0);
    });

    it('uses new files for new connections, and keeps the old ones if they do not fit', async (t) => {
      const first = certificates.issue('rolling', 'first.example');
      const [rig, port] = await open(t, first);
      const subject = async (): Promise<string> => {
        const peer = await dialTls(port);
        const { subject: found } = (peer.stream as TLSSocket).getPeerCertificate();
        peer.drop();
        return String(found.CN);
      };
      const before = await dialTls(port);
      const handler = await rig.accepted();
      assert.equal(await subject(), 'first.example');
      const next = certificates.issue('next', 'second.example');
      copyFileSync(next.keyfile, first.keyfile);
      copyFileSync(next.certfile, first.certfile);
      await rig.watch.until('reload', () => rig.logged(/certificates reloaded/) !== undefined);
      assert.equal(await subject(), 'second.example');
      before.send('still here');
      await rig.watch.until('old connection', () => handler.text === 'still here');
      writeFileSync(first.certfile, 'not a certificate');
      await rig.watch.until('refusal', () => rig.logged(/not reloaded/) !== undefined);
      assert.equal(await subject(), 'second.example');
      before.drop();
    });

    for (const [what, changed, pattern] of [
      ['a missing certificate', { certfile: '/nonexistent.pem' }, /certfile: \/nonexistent\.pem/],
      ['a key of another certificate', { keyfile: authority.keyfile }, /cannot be used together/],
      ['no certificate', { certfile: '' }, /certfile is not set/],
      ['unknown ciphers', { ciphers: 'NO-SUCH-CIPHER' }, /cannot be used together/],
    ] as const) {
      it(`does not open with ${what}, and says which option is to blame`, async () => {
        const rig = new ListenerRig();
        const tls = tlsOptions(server, changed);
        const opening = rig.listeners.start([listenerOptions({ type: 'ssl', tls })]);
        await assert.rejects(opening, (error: Error) => {
          assert.match(error.message, pattern);
          assert.match(error.message, /^listener\.ssl\.rig/);
          return !error.message.includes('\n');
        });
      });
    }

    it('reads a key that has a password', async (t) => {
      const encrypted = join(certificates.directory, 'encrypted.key');
      const words = ['pkey', '-in', server.keyfile, '-aes256', '-passout', 'pass:open', '-out'];
      assert.equal(spawnSync('openssl', [...words, encrypted]).status, 0);
      const [rig, port] = await open(t, { keyfile: encrypted, keypasswd: 'open' });
      const peer = await dialTls(port);
      await rig.accepted();
      peer.drop();
    });
  });
