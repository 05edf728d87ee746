/** packet: see the codec. */
export * from './packets.js';
export * from './reason-codes.js';
export { PacketWriter } from './writer.js';
