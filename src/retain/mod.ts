/**
 * retain: retained messages by topic (MQTT 5 section 3.3.1.3), looked up by filter, walked lazily
 * so that a `#` over very many of them costs its receiver's pace. Never knows who wants them.
 */
export { type RetainedCursor, RetainedStore } from './retained-store.js';
