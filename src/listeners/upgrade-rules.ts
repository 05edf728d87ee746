import type { IncomingMessage } from 'node:http';
import { isLoopback } from './address-limits.js';
import type { ListenerOptions } from './options.js';

/** The one path that VerneMQ serves MQTT on. */
const mqttPath = '/mqtt';
// Statements: [MQTT5-6.0.0-4] [MQTT3-6.0.0-4]
export const subProtocols: readonly string[] = ['mqtt', 'mqttv3.1'];

export interface UpgradeRefusal {
  readonly status: 400 | 403 | 404 | 429;
  readonly reason: string;
}

/**
 * Whether an HTTP upgrade may become a WebSocket of MQTT. Any web page in a browser can reach
 * loopback and internal addresses, hence the rules for Origin and Host.
 */
export function upgradeRefusal(
  request: IncomingMessage,
  options: ListenerOptions,
): UpgradeRefusal | undefined {
  const [path] = (request.url ?? '').split('?');
  if (path !== mqttPath) return { status: 404, reason: `MQTT is served on ${mqttPath}` };
  const offered = request.headers['sec-websocket-protocol'] ?? '';
  const names = offered.split(',').map((name) => name.trim());
  if (!names.some((name) => subProtocols.includes(name))) {
    return { status: 400, reason: 'name the sub-protocol mqtt or mqttv3.1' };
  }
  const host = hostOf(request.headers.host);
  if (isLoopback(options.host) && (host === undefined || !isLoopback(host))) {
    return { status: 403, reason: 'Host is not this listener’s loopback address' };
  }
  const { origin } = request.headers;
  if (origin === undefined || options.allowedOrigins.includes(origin)) return undefined;
  if (options.allowedOrigins.includes('*')) return undefined;
  if (host !== undefined && originHost(origin) === request.headers.host?.toLowerCase()) {
    return undefined;
  }
  return { status: 403, reason: `Origin ${origin} is not in allowed_origins` };
}

/** `host:port` of an Origin as a Host header would have it. */
function originHost(origin: string): string | undefined {
  try {
    return new URL(origin).host.toLowerCase();
  } catch {
    return undefined;
  }
}

function hostOf(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  try {
    return new URL(`http://${header}`).hostname.replace(/^\[|\]$/g, '');
  } catch {
    return undefined;
  }
}
