/** Who is let in. */
export const accessRows = [
  {
    key: 'allow_anonymous',
    type: 'flag',
    default: 'off',
    live: true,
    text: [
      'Clients without a user name are let in and nobody is asked about them. Without a',
      'configuration file and with every listener on loopback it is on as long as it is not',
      'written.',
    ],
  },
  {
    key: 'plugins.vmq_passwd',
    type: 'flag',
    default: 'on',
    text: 'User names and passwords are looked up in the password file.',
  },
  {
    key: 'vmq_passwd.password_file',
    type: 'path',
    default: './etc/vmq.passwd',
    text: 'The password file; the tool vmq-passwd writes it.',
  },
  {
    key: 'vmq_passwd.password_reload_interval',
    type: 'integer',
    unit: 's',
    default: '10',
    max: 86400,
    text: [
      'How often the password file is looked at for changes; 0 never. Raising it makes a removed',
      'user last longer.',
    ],
  },
  {
    key: 'plugins.vmq_acl',
    type: 'flag',
    default: 'on',
    text: 'Who may publish and subscribe to what is looked up in the ACL file.',
  },
  {
    key: 'vmq_acl.acl_file',
    type: 'path',
    default: './etc/vmq.acl',
    text: [
      'The ACL file. A subscription is authorised when it is made, and stays when the file changes,',
      'in persistent sessions, too; a publish is authorised each time.',
    ],
  },
  {
    key: 'vmq_acl.acl_reload_interval',
    type: 'integer',
    unit: 's',
    default: '10',
    max: 86400,
    text: 'How often the ACL file is looked at for changes; 0 never.',
  },
  {
    key: 'disconnect_on_unauthorized_publish_v3',
    type: 'flag',
    default: 'off',
    live: true,
    text: [
      'An MQTT 3.1 client that publishes what it may not is disconnected, as MQTT 3.1.1 clients',
      'always are. Off: the message is acknowledged and dropped, because 3.1 has no other',
      'answer.',
    ],
  },
  {
    key: 'max_connect_rate',
    type: 'integer',
    unit: 'connections per second',
    default: '200',
    max: 1000000,
    text: [
      'New connections taken from one address; more are closed at once. 0 is no limit; loopback',
      'never has one. Raise it when many clients share one address behind a NAT or a proxy.',
    ],
  },
  {
    key: 'max_failed_logins',
    type: 'integer',
    unit: 'per minute',
    default: '20',
    max: 1000000,
    text: [
      'Refused CONNECTs from one address after which it is refused without asking anybody. 0 is',
      'no limit. Raising it helps who guesses passwords.',
    ],
  },
] as const;
