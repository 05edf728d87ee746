/** What happened to a connection, by the system's code: why, and what to look at. */
const causes: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there: is the node running, and is this the port of its listener?',
  ECONNRESET: 'the other end reset the connection',
  EPIPE: 'the other end is gone',
  ETIMEDOUT: 'the network gave it up: no answer',
  EHOSTUNREACH: 'the host cannot be reached',
  EHOSTDOWN: 'the host cannot be reached',
  ENETUNREACH: 'no route leads to its network',
  ENOTFOUND: 'no such host name is known',
  EAI_AGAIN: 'the name service does not answer',
  EADDRNOTAVAIL: 'this machine has no address, or no free port, to dial it from',
  EMFILE: 'this process has no more file descriptors: raise `ulimit -n`',
  ENFILE: 'this machine has no more file descriptors',
};

const speaksNoTls = 'it speaks no TLS: use listener.vmqs on both nodes, and the port of it';
const notVouched =
  "its certificate is not vouched for: cafile of this node's listener.vmqs must contain the signer";
const notTaken =
  'it does not take our certificate: its cafile must contain the authority that signed ours';

/** The same for TLS; codes of OpenSSL and of Node.js. */
const tlsCauses: Readonly<Record<string, string>> = {
  ERR_SSL_WRONG_VERSION_NUMBER: speaksNoTls,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: speaksNoTls,
  ERR_SSL_HTTP_REQUEST: speaksNoTls,
  DEPTH_ZERO_SELF_SIGNED_CERT: notVouched,
  SELF_SIGNED_CERT_IN_CHAIN: notVouched,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: notVouched,
  UNABLE_TO_GET_ISSUER_CERT: notVouched,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: notVouched,
  CERT_SIGNATURE_FAILURE: notVouched,
  CERT_HAS_EXPIRED: 'its certificate has expired: renew it, or check the clocks of both nodes',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet: check the clocks of both nodes',
  CERT_REVOKED: 'its certificate is revoked, as crlfile says',
  CRL_HAS_EXPIRED: 'the list in crlfile has expired: fetch a new one',
  UNABLE_TO_GET_CRL: 'crlfile has no list of the authority that signed its certificate',
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE:
    'it showed no certificate: every node needs certfile and keyfile for its listener.vmqs',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'it asks for a certificate, and got none of ours',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: notTaken,
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: notTaken,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: notTaken,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: 'it says that our certificate has expired: renew it',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED: 'it says that our certificate is revoked',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'no version of TLS is common: see tls_version of both nodes',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'no version of TLS is common: see tls_version of both',
  ERR_SSL_NO_SHARED_CIPHER: 'no cipher is common: see ciphers of both nodes',
};

const reasonMax = 300;

/** Ends what begins with "cannot be reached" or "the connection broke"; one line, no full stop. */
export function causeOf(error: Error): string {
  if (error instanceof AggregateError && error.errors.length > 0) {
    // A name with several addresses: equal answers are told once.
    const each = error.errors.map((one) => causeOf(one as Error));
    return [...new Set(each)].join('; ').slice(0, reasonMax);
  }
  const code = codeOf(error);
  const known = tlsCauses[code] ?? causes[code];
  if (known !== undefined) return `${known} (${code})`;
  const text = error.message.replace(/\s+/g, ' ').trim().slice(0, reasonMax);
  return code === '' || text.includes(code) ? text : `${text} (${code})`;
}

function codeOf(error: Error): string {
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === 'string' ? code : '';
}
