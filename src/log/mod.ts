/**
 * log (edge): what operators read. Owns levels, formats, files and their rotation, redaction, and
 * the folding of lines that would repeat. Never blocks the event loop on a slow disk or reader,
 * never grows without bound behind one, and never lets a peer's text forge lines or drive a
 * terminal.
 *
 *   log.info(fields, message) ──▶ pino ──JSON──┬─▶ text ──▶ terminal
 *        log.repeated(…) ─▶ folded ─▶ ▲        └─▶ JSON ──▶ file ─▶ file.0 ─▶ file.1 …
 */
export { isLogLevel, type LogLevel, logLevels } from './levels.js';
export { type Log, type LogOptions, openLog, type Target } from './log.js';
export type { Rotation } from './log-file.js';
