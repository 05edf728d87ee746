/**
 * VerneMQ's words for codes. They differ from the specification's (`impl_specific_error`), and
 * dashboards select by them, so the table is this folder's own.
 */
const reasonWords: ReadonlyMap<number, string> = new Map([
  [0x00, 'success'],
  [0x04, 'disconnect_with_will_msg'],
  [0x10, 'no_matching_subscribers'],
  [0x18, 'continue_authentication'],
  [0x19, 'reauthenticate'],
  [0x80, 'unspecified_error'],
  [0x81, 'malformed_packet'],
  [0x82, 'protocol_error'],
  [0x83, 'impl_specific_error'],
  [0x84, 'unsupported_protocol_version'],
  [0x85, 'client_identifier_not_valid'],
  [0x86, 'bad_username_or_password'],
  [0x87, 'not_authorized'],
  [0x88, 'server_unavailable'],
  [0x89, 'server_busy'],
  [0x8a, 'banned'],
  [0x8b, 'server_shutting_down'],
  [0x8c, 'bad_authentication_method'],
  [0x8d, 'keep_alive_timeout'],
  [0x8e, 'session_taken_over'],
  [0x8f, 'topic_filter_invalid'],
  [0x90, 'topic_name_invalid'],
  [0x91, 'packet_id_in_use'],
  [0x92, 'packet_id_not_found'],
  [0x93, 'receive_max_exceeded'],
  [0x94, 'topic_alias_invalid'],
  [0x95, 'packet_too_large'],
  [0x96, 'message_rate_too_high'],
  [0x97, 'quota_exceeded'],
  [0x98, 'administrative_action'],
  [0x99, 'payload_format_invalid'],
  [0x9a, 'retain_not_supported'],
  [0x9b, 'qos_not_supported'],
  [0x9c, 'use_another_server'],
  [0x9d, 'server_moved'],
  [0x9e, 'shared_subs_not_supported'],
  [0x9f, 'connection_rate_exceeded'],
  [0xa0, 'max_connect_time'],
  [0xa1, 'subscription_ids_not_supported'],
  [0xa2, 'wildcard_subs_not_supported'],
]);

/** Value of the label `reason_code`. `isDisconnect`: 0 is `normal_disconnect` there. */
export function reasonLabel(code: number, isDisconnect: boolean): string {
  if (code === 0 && isDisconnect) return 'normal_disconnect';
  return reasonWords.get(code) ?? `0x${code.toString(16).padStart(2, '0')}`;
}

/**
 * Codes that are told even when nothing was counted, so that a rate over them has a start. Others
 * appear with their first packet.
 */
export const usualCodes = {
  connack: [
    0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97,
    0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9f,
  ],
  disconnectReceived: [
    0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99,
  ],
  disconnectSent: [
    0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94, 0x95, 0x96,
    0x97, 0x98, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2,
  ],
  acknowledgement: [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99],
  release: [0x00, 0x92],
  auth: [0x00, 0x18, 0x19],
} as const;

/** Connect Return codes 0 to 5: value of the label `return_code`, and the older name's middle. */
export const returnWords: ReadonlyArray<readonly [label: string, middle: string]> = [
  ['success', 'accepted'],
  ['unsupported_protocol_version', 'unacceptable_protocol'],
  ['client_identifier_not_valid', 'identifier_rejected'],
  ['server_unavailable', 'server_unavailable'],
  ['bad_username_or_password', 'bad_credentials'],
  ['not_authorized', 'not_authorized'],
];

/** The Connect Return code that a 3.x client got for `code`, which may be one already (0 to 5). */
export function returnCodeOf(code: number): number {
  if (code <= 5) return code;
  switch (code) {
    case 0x84:
      return 1;
    case 0x85:
      return 2;
    case 0x86:
      return 4;
    case 0x87:
    case 0x8a:
    case 0x8c:
      return 5;
    default:
      return 3;
  }
}
