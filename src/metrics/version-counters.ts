import { CountsByCode } from './counts-by-code.js';
import { usualCodes } from './labels.js';

/**
 * Counts of one protocol version's packets, added to by the session as they come and go. 3.1 and
 * 3.1.1 share one (their label says 4). Each field counts packets since the node started.
 */
export class VersionCounters {
  connectReceived = 0;
  publishReceived = 0;
  readonly pubackReceived: CountsByCode = new CountsByCode();
  readonly pubrecReceived: CountsByCode = new CountsByCode();
  readonly pubrelReceived: CountsByCode = new CountsByCode();
  readonly pubcompReceived: CountsByCode = new CountsByCode();
  subscribeReceived = 0;
  unsubscribeReceived = 0;
  pingreqReceived = 0;
  readonly disconnectReceived: CountsByCode = new CountsByCode();
  readonly authReceived: CountsByCode = new CountsByCode();

  /** 3.x: a Connect Return code, or the Reason Code that it was made from. */
  readonly connackSent: CountsByCode = new CountsByCode();
  publishSent = 0;
  readonly pubackSent: CountsByCode = new CountsByCode();
  readonly pubrecSent: CountsByCode = new CountsByCode();
  readonly pubrelSent: CountsByCode = new CountsByCode();
  readonly pubcompSent: CountsByCode = new CountsByCode();
  subackSent = 0;
  unsubackSent = 0;
  pingrespSent = 0;
  readonly disconnectSent: CountsByCode = new CountsByCode();
  readonly authSent: CountsByCode = new CountsByCode();

  /** PUBLISH refused by authorisation. */
  publishAuthError = 0;
  /** Subscriptions (not packets) refused by authorisation. */
  subscribeAuthError = 0;
  /** Packets above the size limit. */
  invalidMsgSizeError = 0;
  /** PUBACK, PUBREC, PUBCOMP for an identifier that is not in flight. */
  pubackInvalidError = 0;
  pubrecInvalidError = 0;
  pubcompInvalidError = 0;
  /** Refused for another reason than authorisation (store, netsplit, quota). */
  publishError = 0;
  subscribeError = 0;
  unsubscribeError = 0;
  keepaliveExpired = 0;
}

type NumberField = {
  [Field in keyof VersionCounters]: VersionCounters[Field] extends number ? Field : never;
}[keyof VersionCounters];
type CodeField = Exclude<keyof VersionCounters, NumberField>;

interface Row<Field> {
  readonly field: Field;
  readonly name: string;
  readonly help: string;
}

interface CodeRow extends Row<CodeField> {
  readonly usual: readonly number[];
  /** Which versions have the packet with a meaning of its own; AUTH is of 5 only. */
  readonly onlyV5?: true;
}

const received = (packet: string): string => `The number of ${packet} packets received.`;
const sent = (packet: string): string => `The number of ${packet} packets sent.`;

/** Counters with `mqtt_version` as their only label. */
export const plainRows: ReadonlyArray<Row<NumberField>> = [
  { field: 'connectReceived', name: 'mqtt_connect_received', help: received('CONNECT') },
  { field: 'publishReceived', name: 'mqtt_publish_received', help: received('PUBLISH') },
  { field: 'subscribeReceived', name: 'mqtt_subscribe_received', help: received('SUBSCRIBE') },
  {
    field: 'unsubscribeReceived',
    name: 'mqtt_unsubscribe_received',
    help: received('UNSUBSCRIBE'),
  },
  { field: 'pingreqReceived', name: 'mqtt_pingreq_received', help: received('PINGREQ') },
  { field: 'publishSent', name: 'mqtt_publish_sent', help: sent('PUBLISH') },
  { field: 'subackSent', name: 'mqtt_suback_sent', help: sent('SUBACK') },
  { field: 'unsubackSent', name: 'mqtt_unsuback_sent', help: sent('UNSUBACK') },
  { field: 'pingrespSent', name: 'mqtt_pingresp_sent', help: sent('PINGRESP') },
  {
    field: 'publishAuthError',
    name: 'mqtt_publish_auth_error',
    help: 'The number of PUBLISH packets that were not authorised.',
  },
  {
    field: 'subscribeAuthError',
    name: 'mqtt_subscribe_auth_error',
    help: 'The number of requested subscriptions that were not authorised.',
  },
  {
    field: 'invalidMsgSizeError',
    name: 'mqtt_invalid_msg_size_error',
    help: 'The number of packets that were larger than max_message_size.',
  },
  {
    field: 'pubackInvalidError',
    name: 'mqtt_puback_invalid_error',
    help: 'The number of PUBACK packets for a packet identifier that was not in flight.',
  },
  {
    field: 'pubrecInvalidError',
    name: 'mqtt_pubrec_invalid_error',
    help: 'The number of PUBREC packets for a packet identifier that was not in flight.',
  },
  {
    field: 'pubcompInvalidError',
    name: 'mqtt_pubcomp_invalid_error',
    help: 'The number of PUBCOMP packets for a packet identifier that was not in flight.',
  },
  {
    field: 'publishError',
    name: 'mqtt_publish_error',
    help: 'The number of PUBLISH packets refused for another reason than authorisation.',
  },
  {
    field: 'subscribeError',
    name: 'mqtt_subscribe_error',
    help: 'The number of SUBSCRIBE packets refused for another reason than authorisation.',
  },
  {
    field: 'unsubscribeError',
    name: 'mqtt_unsubscribe_error',
    help: 'The number of UNSUBSCRIBE packets that were refused.',
  },
  {
    field: 'keepaliveExpired',
    name: 'client_keepalive_expired',
    help: 'The number of clients that sent nothing for one and a half times their Keep Alive.',
  },
];

const { acknowledgement, release, auth } = usualCodes;

/** Counters with a `reason_code` in version 5 and none in 3.x. CONNACK has rules of its own. */
export const codeRows: readonly CodeRow[] = [
  row('pubackReceived', 'mqtt_puback_received', received('PUBACK'), acknowledgement),
  row('pubrecReceived', 'mqtt_pubrec_received', received('PUBREC'), acknowledgement),
  row('pubrelReceived', 'mqtt_pubrel_received', received('PUBREL'), release),
  row('pubcompReceived', 'mqtt_pubcomp_received', received('PUBCOMP'), release),
  row(
    'disconnectReceived',
    'mqtt_disconnect_received',
    received('DISCONNECT'),
    usualCodes.disconnectReceived,
  ),
  row('pubackSent', 'mqtt_puback_sent', sent('PUBACK'), acknowledgement),
  row('pubrecSent', 'mqtt_pubrec_sent', sent('PUBREC'), acknowledgement),
  row('pubrelSent', 'mqtt_pubrel_sent', sent('PUBREL'), release),
  row('pubcompSent', 'mqtt_pubcomp_sent', sent('PUBCOMP'), release),
  {
    ...row('disconnectSent', 'mqtt_disconnect_sent', sent('DISCONNECT'), usualCodes.disconnectSent),
    onlyV5: true,
  },
  { ...row('authReceived', 'mqtt_auth_received', received('AUTH'), auth), onlyV5: true },
  { ...row('authSent', 'mqtt_auth_sent', sent('AUTH'), auth), onlyV5: true },
];

function row(field: CodeField, name: string, help: string, usual: readonly number[]): CodeRow {
  return { field, name, help, usual };
}
