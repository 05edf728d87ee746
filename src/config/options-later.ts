import type { LaterRow } from './row.js';

/** What the cluster does not do yet. */
export const clusterLaterRows: readonly LaterRow[] = [
  {
    key: 'incoming_clustering_buffer_size',
    type: 'bytes',
    default: '67108864',
    text: 'The largest frame that a member may send.',
  },
];

/** The admin interface, HTTP and metrics over it. */
export const httpRows: readonly LaterRow[] = [
  {
    key: 'http_modules',
    type: 'list',
    default: 'vmq_metrics_http,vmq_http_mgmt_api,vmq_status_http,vmq_health_http,vmq_http_v2_api',
    text: 'What HTTP listeners serve that do not say it themselves.',
  },
  {
    key: 'http_module.<module>.auth.mode',
    type: 'enum',
    values: ['noauth', 'apikey'],
    default: 'apikey',
    text: 'Whether a module asks for an API key.',
  },
  {
    key: 'listener.http.<name>.http_modules',
    type: 'list',
    default: '',
    text: 'What this listener serves; empty is as http_modules says.',
  },
  {
    key: 'listener.https.<name>.http_modules',
    type: 'list',
    default: '',
    text: 'What this listener serves; empty is as http_modules says.',
  },
  {
    key: 'listener.http.<name>.http_module.<module>.auth.mode',
    type: 'enum',
    values: ['noauth', 'apikey'],
    default: 'apikey',
    text: 'Whether a module of this listener asks for an API key.',
  },
  {
    key: 'listener.https.<name>.http_module.<module>.auth.mode',
    type: 'enum',
    values: ['noauth', 'apikey'],
    default: 'apikey',
    text: 'Whether a module of this listener asks for an API key.',
  },
  {
    key: 'min_apikey_length',
    type: 'integer',
    unit: 'characters',
    default: '0',
    text: 'The shortest API key that may be made.',
  },
  {
    key: 'max_apikey_expiry_days',
    type: 'integer',
    unit: 'days',
    default: '0',
    text: 'The longest life of an API key; 0 is any.',
  },
  {
    key: 'prometheus_namespace',
    type: 'string',
    default: 'vernemq_',
    text: 'What names of metrics start with.',
  },
  { key: 'graphite_enabled', type: 'flag', default: 'off', text: 'Metrics are sent to Graphite.' },
  { key: 'graphite_host', type: 'string', default: 'localhost', text: 'Where Graphite runs.' },
  {
    key: 'graphite_port',
    type: 'integer',
    default: '2003',
    min: 1,
    max: 65535,
    text: 'Its port.',
  },
  {
    key: 'graphite_interval',
    type: 'integer',
    unit: 'ms',
    default: '20000',
    text: 'How often metrics are sent.',
  },
  {
    key: 'graphite_connect_timeout',
    type: 'integer',
    unit: 'ms',
    default: '5000',
    text: 'How long connecting may take.',
  },
  {
    key: 'graphite_reconnect_timeout',
    type: 'integer',
    unit: 'ms',
    default: '15000',
    text: 'The pause before connecting again.',
  },
  { key: 'graphite_prefix', type: 'string', default: '', text: 'What names start with.' },
  {
    key: 'graphite_api_key',
    type: 'string',
    default: '',
    secret: true,
    text: 'Prefix of a hosted Graphite.',
  },
  {
    key: 'graphite_include_labels',
    type: 'flag',
    default: 'off',
    live: true,
    text: 'Labels become part of the name.',
  },
];

/** Families of options that are read as text until their part is there. */
export const pluginRows: readonly LaterRow[] = [
  {
    key: 'plugins.<name>',
    type: 'flag',
    default: 'off',
    text: 'Other plugins: vmq_webhooks, vmq_bridge, vmq_diversity, vmq_http_pub, vmq_web_ui.',
  },
  { key: 'vmq_webhooks.*', type: 'string', default: '', secret: true, text: 'Webhooks.' },
  {
    key: 'vmq_bridge.*',
    type: 'string',
    default: '',
    secret: true,
    text: 'Bridges to other brokers.',
  },
  {
    key: 'vmq_diversity.*',
    type: 'string',
    default: '',
    secret: true,
    text: 'Scripts and their databases.',
  },
  {
    key: 'vmq_http_pub.*',
    type: 'string',
    default: '',
    secret: true,
    text: 'Publishing over HTTP.',
  },
  {
    key: 'listener.http.<name>.http_modules.vmq_http_pub.*',
    type: 'string',
    default: '',
    secret: true,
    text: 'Publishing over HTTP.',
  },
  {
    key: 'listener.https.<name>.http_modules.vmq_http_pub.*',
    type: 'string',
    default: '',
    secret: true,
    text: 'Publishing over HTTP.',
  },
  { key: 'vmq_web_ui.*', type: 'string', default: '', secret: true, text: 'The web interface.' },
];
