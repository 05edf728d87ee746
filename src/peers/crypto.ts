import { createHmac, randomBytes } from 'node:crypto';
import type { LinkCrypto } from '../cluster/link/mod.js';

/** The handshake's cryptography, by Node.js. */
export const linkCrypto: LinkCrypto = {
  hmac(key, ...parts) {
    const mac = createHmac('sha256', key);
    for (const part of parts) mac.update(part);
    return mac.digest();
  },
  random: (count) => randomBytes(count),
};
