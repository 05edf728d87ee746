import { constants } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import {
  createSecureContext,
  type SecureContext,
  type SecureContextOptions,
  type TLSSocket,
} from 'node:tls';
import { PeerError } from './environment.js';

/** TLS of `listener.vmqs.<name>`. Paths as configured; '' is absent. */
export interface PeerTlsOptions {
  readonly cafile: string;
  readonly certfile: string;
  readonly keyfile: string;
  readonly crlfile: string;
  readonly keypasswd: string;
  /** OpenSSL's list, `:` between; '' is Node's default. */
  readonly ciphers: string;
  /** Curves, `:` between; '' is Node's default. */
  readonly eccs: string;
  /** `tlsv1.2` and the like; the lowest and the highest count. */
  readonly tlsVersion: readonly string[];
  /** Milliseconds, for connections that come in; those that go out have the time of a dial. */
  readonly tlsHandshakeTimeout: number;
}

/** The least and the most that is spoken, oldest first. Older ones are not for a cluster. */
const versions = [
  ['tlsv1.2', 'TLSv1.2'],
  ['tlsv1.3', 'TLSv1.3'],
] as const;

/**
 * Certificate and authority of this node, for both directions, read anew when a file changes.
 *
 * Either end must show a certificate that `cafile` vouches for, whatever `require_certificate`
 * says. Names in it are not compared with the address: members are dialled by addresses that
 * change, and the handshake, which is bound to the TLS session, proves who is there.
 */
export class PeerTls {
  readonly #options: PeerTlsOptions;
  readonly #where: string;
  #seen: string;
  #current: SecureContextOptions;
  #context: SecureContext;

  /**
   * `where`: `listener.vmqs.default`, for errors. Throws {@link PeerError} that names the option
   * and the file.
   */
  constructor(options: PeerTlsOptions, where: string) {
    this.#options = options;
    this.#where = where;
    this.#seen = this.#fingerprint();
    this.#current = this.#read();
    this.#context = this.#made(this.#current);
  }

  /** For a server. */
  get secureOptions(): SecureContextOptions {
    return this.#current;
  }

  /** For a connection that goes out. */
  get secureContext(): SecureContext {
    return this.#context;
  }

  get handshakeTimeoutMs(): number {
    return this.#options.tlsHandshakeTimeout;
  }

  /**
   * Looks at the files. True: they changed and are in force for new connections. Throws
   * {@link PeerError} once for a change that cannot be used; what was there stays in force.
   */
  reload(): boolean {
    const now = this.#fingerprint();
    if (now === this.#seen) return false;
    this.#seen = now;
    const current = this.#read();
    this.#context = this.#made(current);
    this.#current = current;
    return true;
  }

  #read(): SecureContextOptions {
    const { crlfile, keypasswd, ciphers, eccs, tlsVersion } = this.#options;
    const spoken = versions.filter(([version]) => tlsVersion.includes(version));
    const [lowest, highest] = [spoken[0], spoken.at(-1)];
    if (lowest === undefined || highest === undefined) {
      const remedy = 'set it to tlsv1.2,tlsv1.3';
      throw this.#error(`${this.#where}.tls_version allows none that is safe: ${remedy}`);
    }
    const context: SecureContextOptions = {
      cert: this.#file('certfile'),
      key: this.#file('keyfile'),
      ca: this.#file('cafile'),
      minVersion: lowest[1],
      maxVersion: highest[1],
      // A session that is resumed would outlive the revocation of its certificate.
      secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
    };
    if (crlfile !== '') context.crl = this.#file('crlfile');
    if (keypasswd !== '') context.passphrase = keypasswd;
    if (ciphers !== '') context.ciphers = ciphers;
    if (eccs !== '') context.ecdhCurve = eccs;
    return context;
  }

  #made(context: SecureContextOptions): SecureContext {
    try {
      return createSecureContext(context);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const what = 'certificate, key, CA, CRL or ciphers cannot be used together';
      throw this.#error(`${this.#where}: ${what}: ${reason}`, error);
    }
  }

  #file(option: 'certfile' | 'keyfile' | 'cafile' | 'crlfile'): Buffer {
    const file = this.#options[option];
    if (file === '') {
      const why =
        option === 'cafile'
          ? 'without it every authority of the world could vouch for a member'
          : 'both ends of a cluster link show a certificate';
      throw this.#error(`${this.#where}.${option} is not set: ${why}`);
    }
    try {
      return readFileSync(file);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw this.#error(`${this.#where}.${option}: ${file} cannot be read: ${reason}`, error);
    }
  }

  #fingerprint(): string {
    const { certfile, keyfile, cafile, crlfile } = this.#options;
    return [certfile, keyfile, cafile, crlfile].map(traceOf).join(' ');
  }

  #error(message: string, cause?: unknown): PeerError {
    return new PeerError('PEER_TLS', message, cause);
  }
}

/** Changes whenever a file does. */
function traceOf(file: string): string {
  if (file === '') return '';
  try {
    const { mtimeMs, size, ino } = statSync(file);
    return `${mtimeMs}/${size}/${ino}`;
  } catch {
    return 'missing';
  }
}

/** RFC 9266: bytes that both ends of one TLS session know, and nobody between them. */
export function exporterOf(socket: TLSSocket): Uint8Array {
  return socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0));
}
