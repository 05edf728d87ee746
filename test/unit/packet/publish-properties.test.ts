import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type Decoder,
  decodeProperties,
  encodeForwardProperties,
  forwardableProperties,
  PacketType,
  type Properties,
  readTopicName,
} from '../../../src/packet/mod.js';
import { publishProperties, willProperties } from '../../fixtures/arbitrary-packets.js';
import { hex, publish } from '../../fixtures/client-packets.js';
import { decoderOf } from '../../fixtures/packet-vectors.js';
import { encodeProperties } from '../../fixtures/property-table.js';

function decoded(bytes: Buffer): Decoder {
  const decoder = decoderOf(5);
  decoder.feed(bytes, 0, bytes.length);
  assert.equal(decoder.next(), PacketType.Publish);
  return decoder;
}

function without(properties: Properties, ...names: (keyof Properties)[]): Properties {
  const kept = { ...properties };
  for (const name of names) delete kept[name];
  return kept;
}

/** A property block without its length, which takes one or two bytes. */
function blockOf(properties: Properties): string | undefined {
  const encoded = encodeProperties(properties);
  const block = encoded.subarray((encoded[0] as number) > 127 ? 2 : 1);
  return block.length === 0 ? undefined : block.toString('hex');
}

function hexOf(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : Buffer.from(bytes).toString('hex');
}

test('a forwarded message keeps its properties in order, less alias and expiry [MQTT5-3.3.2-17]', () => {
  fc.assert(
    fc.property(publishProperties, (properties) => {
      const { publish: view } = decoded(publish(5, { topicName: 't', payload: 'x', properties }));
      const kept = without(properties, 'topicAlias', 'messageExpiryInterval');
      assert.equal(hexOf(forwardableProperties(view)), blockOf(kept));
      const record = decodeProperties(view.bytes, view.propertiesStart, view.propertiesEnd);
      assert.deepEqual(record, { ...properties });
    }),
    { numRuns: 300 },
  );
});

test('what is forwarded is an owned copy', () => {
  const properties = { contentType: 'a' };
  const chunk = publish(5, { topicName: 't', properties });
  const { publish: view } = decoded(chunk);
  const block = forwardableProperties(view);
  chunk.fill(0);
  assert.equal(hexOf(block), '03000161');
});

test('a will forwards its message properties in wire form', () => {
  fc.assert(
    fc.property(willProperties, (properties) => {
      const block = encodeForwardProperties(properties);
      const kept = without(properties, 'willDelayInterval', 'messageExpiryInterval');
      if (block === undefined) {
        assert.deepEqual({ ...kept }, {});
      } else {
        assert.deepEqual(decodeProperties(block, 0, block.length), { ...kept });
      }
    }),
    { numRuns: 200 },
  );
});

test('an empty block forwards nothing', () => {
  const { publish: view } = decoded(publish(5, { topicName: 't', properties: { topicAlias: 3 } }));
  assert.equal(forwardableProperties(view), undefined);
  assert.equal(encodeForwardProperties({}), undefined);
});

const utf8Statements = '[MQTT5-1.5.4-1] [MQTT5-1.5.4-2] [MQTT3-1.5.3-1] [MQTT3-1.5.3-2]';

test(`a Topic Name is read exactly when it is a UTF-8 Encoded String ${utf8Statements}`, () => {
  const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const expected = (bytes: Uint8Array): string | undefined => {
    if (bytes.includes(0)) return undefined;
    try {
      return strict.decode(bytes);
    } catch {
      return undefined;
    }
  };
  const name = fc.oneof(
    fc.uint8Array({ maxLength: 12 }),
    fc.string({ unit: 'binary', maxLength: 12 }).map((text) => Buffer.from(text, 'utf8')),
  );
  fc.assert(
    fc.property(name, (bytes) => {
      const body = Buffer.concat([hex('00'), Buffer.of(bytes.length), bytes, hex('00')]);
      const { publish: view } = decoded(Buffer.concat([Buffer.of(0x30, body.length), body]));
      assert.equal(readTopicName(view), expected(bytes));
    }),
    { numRuns: 1000 },
  );
});
