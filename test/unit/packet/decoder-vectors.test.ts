import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import {
  type ClientVector,
  clientVectors,
  decoderOf,
  drain,
} from '../../fixtures/packet-vectors.js';

function titleOf(vector: ClientVector): string {
  if (vector.error === undefined) return `decodes: ${vector.title}`;
  const code = vector.error.reasonCode.toString(16);
  const statement = vector.error.statement === undefined ? '' : ` [${vector.error.statement}]`;
  return `refuses with 0x${code}: ${vector.title}${statement}`;
}

for (const vector of clientVectors()) {
  test(titleOf(vector), () => {
    const bytes = Buffer.from(vector.bytes, 'hex');
    const decoder = decoderOf(vector.version);
    decoder.feed(bytes, 0, bytes.length);
    const { packets, error } = drain(decoder);
    if (vector.error === undefined) {
      assert.equal(error, undefined);
      assert.deepEqual(packets, [vector.packet]);
      return;
    }
    assert.deepEqual(packets, []);
    const { reasonCode, statement, reason } = error as {
      reasonCode: number;
      statement: string | undefined;
      reason: string;
    };
    assert.deepEqual({ reasonCode, statement }, { statement: undefined, ...vector.error });
    assert.match(reason, /^[A-Z].*\.$/);
  });
}
