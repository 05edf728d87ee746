import type { Address } from './address.js';
import type { ListenerConfiguration, PeerListenerConfiguration } from './configuration.js';
import type { Place, Report } from './entries.js';
import { camelCase } from './row.js';
import { type ActiveType, isActiveType, listenerOptions } from './table.js';
import { parseValue, type Value } from './parse-value.js';

/** A listener as it was written. */
export interface ListenerAddress {
  readonly type: ActiveType;
  readonly name: string;
  readonly address: Address;
  readonly place: Place;
}

const activeOptions = listenerOptions.filter(({ ignored }) => ignored === undefined);
const plugins = ['vmq_passwd', 'vmq_acl'];

/** Gives a listener every option: its own, else its type's, else everyone's, else the default. */
export function resolveListener(
  { type, name, address }: ListenerAddress,
  values: ReadonlyMap<string, Value>,
): ListenerConfiguration | PeerListenerConfiguration {
  const resolved: Record<string, Value> = { type, name, ...address };
  for (const row of activeOptions) {
    const keys = [
      `listener.${type}.${name}.${row.key}`,
      `listener.${type}.${row.key}`,
      `listener.${row.key}`,
    ];
    const key = keys.find((each) => values.has(each));
    const byDefault = parseValue(row, row.default);
    resolved[camelCase(row.key)] =
      key !== undefined ? values.get(key) : 'value' in byDefault ? byDefault.value : undefined;
  }
  return resolved as unknown as ListenerConfiguration | PeerListenerConfiguration;
}

/** What is wrong with a listener although each of its values is good. */
export function checkListener(
  listener: ListenerConfiguration,
  place: Place,
  isEnabled: (plugin: string) => boolean,
  report: Report,
): void {
  const name = `listener.${listener.type}.${listener.name}`;
  checkPlugins(`${name}.auth_plugins`, listener.authPlugins, place, isEnabled, report);
  checkPlugins(`${name}.authz_plugins`, listener.authzPlugins, place, isEnabled, report);
  checkForwarding(listener, name, place, report);
  if (listener.type !== 'ssl' && listener.type !== 'wss') return;
  const { certfile, keyfile, cafile } = listener;
  const isPskOnly = listener.type === 'ssl' && listener.pskSupport && certfile === '';
  if (!isPskOnly) {
    if (certfile === '')
      report('error', place, `${name} needs a certificate: set ${name}.certfile`);
    if (keyfile === '') report('error', place, `${name} needs a private key: set ${name}.keyfile`);
  }
  if (listener.requireCertificate && cafile === '') {
    const remedy = `set ${name}.cafile to the certificates that vouch for clients`;
    report('error', place, `${name} requires certificates of its clients: ${remedy}`);
  }
}

/** The same for a listener for other nodes. */
export function checkPeerListener(
  { type, name: its, host, certfile, keyfile, cafile }: PeerListenerConfiguration,
  place: Place,
  report: Report,
): void {
  const name = `listener.${type}.${its}`;
  if (host === '') report('error', place, `${name}: other nodes cannot reach a unix socket`);
  if (type !== 'vmqs') return;
  if (certfile === '') report('error', place, `${name} needs a certificate: set ${name}.certfile`);
  if (keyfile === '') report('error', place, `${name} needs a private key: set ${name}.keyfile`);
  if (cafile !== '') return;
  report('error', place, `${name} needs the authority of the members: set ${name}.cafile`);
}

/** Nobody is believed by default, so a listener that asks for forwarding has to say whom. */
function checkForwarding(
  listener: ListenerConfiguration,
  name: string,
  place: Place,
  report: Report,
): void {
  const { type, path, proxyXffSupport, proxyXffTrustedIntermediate } = listener;
  if (type !== 'ws' || path !== undefined) return;
  if (!proxyXffSupport || proxyXffTrustedIntermediate.length > 0) return;
  const remedy = `set ${name}.proxy_xff_trusted_intermediate to the addresses of your proxies`;
  report('warning', place, `${name} refuses every connection, as it trusts no proxy: ${remedy}`);
}

function checkPlugins(
  key: string,
  names: readonly string[],
  place: Place,
  isEnabled: (plugin: string) => boolean,
  report: Report,
): void {
  for (const [index, name] of names.entries()) {
    if (!plugins.includes(name)) {
      report('error', place, `${key}: there is no ${name}, only ${plugins.join(' and ')}`);
    } else if (!isEnabled(name)) {
      report('error', place, `${key}: ${name} is switched off; set plugins.${name} = on`);
    } else if (names.indexOf(name) !== index) {
      report('error', place, `${key}: ${name} is named twice`);
    }
  }
}

/** Two listeners cannot share an address. */
export function checkAddresses(listeners: readonly ListenerAddress[], report: Report): void {
  for (const [index, { type, name, address, place }] of listeners.entries()) {
    const other = listeners.slice(0, index).find((each) => areOne(each.address, address));
    if (other === undefined) continue;
    const key = `listener.${type}.${name}`;
    const otherKey = `listener.${other.type}.${other.name}`;
    report('error', place, `${key} has the address of ${otherKey}: give it another port`);
  }
}

/** Whether only one of the two can be bound: 0.0.0.0 takes the port of IPv4, :: that of both. */
function areOne(a: Address, b: Address): boolean {
  if (a.path !== undefined || b.path !== undefined) return a.path === b.path;
  if (a.port === 0 || a.port !== b.port) return false;
  return a.host === b.host || takes(a, b) || takes(b, a);
}

function takes(wildcard: Address, { host }: Address): boolean {
  return wildcard.host === '::' || (wildcard.host === '0.0.0.0' && !host.includes(':'));
}

/** Warns of options for a listener that does not exist: mostly a misspelt name. */
export function checkOrphans(
  places: ReadonlyMap<string, Place>,
  defined: ReadonlySet<string>,
  report: Report,
): void {
  for (const [key, place] of places) {
    const [, type = '', name = '', option] = key.split('.');
    if (option === undefined || !isActiveType(type) || defined.has(`${type}.${name}`)) continue;
    const message = `${key} has no effect: there is no listener.${type}.${name} = address:port`;
    report('warning', place, message);
  }
}
