import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ByteReader, ByteWriter } from '../../../src/base/mod.js';
import {
  type Envelope,
  readEnvelope,
  readRouteKey,
  readRouteValue,
  routeKey,
  routeValueBytes,
  writeEnvelope,
} from '../../../src/cluster/routing/mod.js';

it('the name of a route survives its key, and other keys are none', () => {
  for (const name of [
    { mountpoint: '', group: '', filter: 'a/#' },
    { mountpoint: 'm', group: 'g', filter: '/+/ä' },
  ]) {
    assert.deepEqual(readRouteKey(routeKey(name)), name);
  }
  for (const key of ['', 'a', 'a\0b', 'm\0g\0', 'm\0g\0f\0x']) {
    assert.equal(readRouteKey(key), undefined, JSON.stringify(key));
  }
});

it('the value of a route survives its bytes, and a newer one is read as far as it is known', () => {
  for (const value of [
    { hasPersistent: false, online: 0, total: 0 },
    { hasPersistent: true, online: 0, total: 0 },
    { hasPersistent: true, online: 3, total: 70_000 },
  ]) {
    const bytes = routeValueBytes(value);
    assert.deepEqual(readRouteValue(bytes), value);
    if (bytes.length === 9) {
      assert.deepEqual(readRouteValue(Buffer.concat([bytes, Buffer.from([7])])), value);
    }
  }
  assert.equal(readRouteValue(new Uint8Array(0)), undefined);
});

it('an envelope survives the way, with and without a group and an expiry', () => {
  const plain: Envelope = {
    mountpoint: '',
    publisher: 'pub',
    group: '',
    filter: '',
    version: 5,
    retain: false,
    retainStamp: 0,
    expiresInMs: -1,
    except: [],
  };
  for (const envelope of [
    plain,
    { ...plain, mountpoint: 'm', retain: true, retainStamp: 2 ** 50, expiresInMs: 0 },
    { ...plain, version: 4, except: ['one', 'other'] } as const,
    { ...plain, group: 'g', filter: 'a/+', expiresInMs: 4_294_967_295_000 },
  ]) {
    const writer = new ByteWriter();
    writeEnvelope(writer, envelope);
    const bytes = writer.take();
    const reader = new ByteReader(bytes);
    assert.deepEqual(readEnvelope(reader), envelope);
    assert.ok(reader.isAtEnd);
    for (let end = 0; end < bytes.length; end += 1) {
      assert.equal(readEnvelope(new ByteReader(bytes.subarray(0, end))), undefined);
    }
  }
  assert.equal(readEnvelope(new ByteReader(Buffer.from([32, 0, 0]))), undefined);
});
