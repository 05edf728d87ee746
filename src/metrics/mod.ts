/**
 * metrics: what happened, in numbers. Owns the counters, their VerneMQ names (reference 7.2) and
 * labels, and the two forms in which they are told: samples and $SYS topics. Never looks anything
 * up: hot paths add to plain fields that they were given, the node sets suppliers for gauges, and
 * names, labels and help texts only come in when somebody asks.
 *
 *   session ──▶ metrics.v5.publishReceived += 1 ─┐
 *   queue ────▶ metrics.queueMessageIn += 1 ─────┼─▶ snapshot() ──▶ Prometheus, `metrics show`
 *   node ─────▶ metrics.gauge(name, …, read) ────┘        └───────▶ sysTopics() ──▶ $SYS/…
 */
export { Metrics, type Sample } from './metrics.js';
export { VersionCounters } from './version-counters.js';
