import { readFileSync, statSync } from 'node:fs';
import type { SecureContextOptions, TlsOptions as NodeTlsOptions } from 'node:tls';
import { createSecureContext, type TLSSocket } from 'node:tls';
import { ListenerError, type TlsOptions } from './options.js';

const nodeVersions: Readonly<Record<string, 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3'>> = {
  tlsv1: 'TLSv1',
  'tlsv1.1': 'TLSv1.1',
  'tlsv1.2': 'TLSv1.2',
  'tlsv1.3': 'TLSv1.3',
};
const versionOrder = ['tlsv1', 'tlsv1.1', 'tlsv1.2', 'tlsv1.3'];

/** Files and settings of one TLS listener, read anew when a file changes. */
export class TlsContext {
  readonly #options: TlsOptions;
  readonly #where: string;
  #seen = '';

  /** `where`: `listener.ssl.default`, for errors. */
  constructor(options: TlsOptions, where: string) {
    this.#options = options;
    this.#where = where;
  }

  /** For `tls.createServer`. Throws {@link ListenerError} that names the option and the file. */
  serverOptions(): NodeTlsOptions {
    const options = this.#options;
    this.#seen = this.#fingerprint();
    const asksForCertificate = options.requireCertificate || options.useIdentityAsUsername;
    const server: NodeTlsOptions = {
      ...this.secureContext(),
      handshakeTimeout: options.tlsHandshakeTimeout,
      requestCert: asksForCertificate,
      rejectUnauthorized: options.requireCertificate,
    };
    if (options.pskSupport) {
      const keys = this.#presharedKeys();
      server.pskCallback = (_socket, identity) => keys.get(identity) ?? null;
      server.pskIdentityHint = options.pskIdentityHint;
    }
    return server;
  }

  /** Certificate, key, CA, CRL, ciphers, versions; checked as a whole. */
  secureContext(): SecureContextOptions {
    const options = this.#options;
    const context: SecureContextOptions = {};
    if (options.certfile !== '' || !options.pskSupport) {
      context.cert = this.#read('certfile', options.certfile);
      context.key = this.#read('keyfile', options.keyfile);
    }
    if (options.keypasswd !== '') context.passphrase = options.keypasswd;
    if (options.cafile !== '') context.ca = this.#read('cafile', options.cafile);
    if (options.crlfile !== '') context.crl = this.#read('crlfile', options.crlfile);
    if (options.ciphers !== '') context.ciphers = options.ciphers;
    if (options.eccs !== '') context.ecdhCurve = options.eccs;
    const chosen = versionOrder.filter((version) => options.tlsVersion.includes(version));
    const lowest = nodeVersions[chosen[0] ?? 'tlsv1.2'];
    const highest = nodeVersions[chosen.at(-1) ?? 'tlsv1.3'];
    if (lowest !== undefined) context.minVersion = lowest;
    if (highest !== undefined) context.maxVersion = highest;
    try {
      createSecureContext(context);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new ListenerError(
        'LISTENER_TLS',
        `${this.#where}: certificate, key, CA, CRL or ciphers cannot be used together: ${reason}`,
        error,
      );
    }
    return context;
  }

  /** True once after one of the files has changed. */
  hasChanged(): boolean {
    const now = this.#fingerprint();
    if (now === this.#seen) return false;
    this.#seen = now;
    return true;
  }

  #fingerprint(): string {
    const { certfile, keyfile, cafile, crlfile } = this.#options;
    return [certfile, keyfile, cafile, crlfile]
      .map((file) => {
        if (file === '') return '';
        try {
          const { mtimeMs, size, ino } = statSync(file);
          return `${mtimeMs}/${size}/${ino}`;
        } catch {
          return 'missing';
        }
      })
      .join(' ');
  }

  #read(option: string, file: string): Buffer {
    if (file === '') {
      const message = `${this.#where}.${option} is not set: a TLS listener needs it`;
      throw new ListenerError('LISTENER_TLS', message);
    }
    try {
      return readFileSync(file);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const message = `${this.#where}.${option}: ${file} cannot be read: ${reason}`;
      throw new ListenerError('LISTENER_TLS', message, error);
    }
  }

  /** Lines `identity:key in hex`. */
  #presharedKeys(): Map<string, Buffer> {
    const { pskfile, pskfileSeparator } = this.#options;
    const keys = new Map<string, Buffer>();
    for (const line of this.#read('pskfile', pskfile).toString('utf8').split(/\r?\n/)) {
      const at = line.indexOf(pskfileSeparator);
      if (at > 0) keys.set(line.slice(0, at), Buffer.from(line.slice(at + 1).trim(), 'hex'));
    }
    return keys;
  }
}

/**
 * Common Name and DER of the client's certificate; undefined where there is none that was verified.
 */
export function certificateOf(
  socket: TLSSocket,
): { readonly commonName: string | undefined; readonly der: Uint8Array } | undefined {
  if (!socket.authorized) return undefined;
  const certificate = socket.getPeerCertificate();
  if (certificate?.raw === undefined) return undefined;
  const name = certificate.subject?.CN;
  return { commonName: Array.isArray(name) ? name[0] : name, der: certificate.raw };
}
