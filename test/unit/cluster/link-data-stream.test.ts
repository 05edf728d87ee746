import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { SeededRandom } from '../../../src/base/mod.js';
import {
  DataReceiver,
  DataSender,
  type FrameNumber,
  FrameType,
  splitNumber,
  windowMax,
} from '../../../src/cluster/link/mod.js';
import { bodyOf, Stream } from './link-stream-rig.js';

const { Publish, Remnant } = FrameType;

describe('numbered frames', () => {
  it('arrive once, in order, and are kept until they are owned', () => {
    const stream = new Stream(7).open();
    const numbers = ['a', 'b', 'c'].map((text) => stream.send(text));
    assert.deepEqual(numbers, [
      { boot: 7, sequence: 1 },
      { boot: 7, sequence: 2 },
      { boot: 7, sequence: 3 },
    ]);
    stream.settle();
    assert.deepEqual(stream.arrived, ['7.1 a new', '7.2 b new', '7.3 c new']);
    assert.equal(stream.sender.unconfirmedCount, 3);
    assert.equal(stream.sender.unconfirmedBytes, 3);
    for (const number of numbers) stream.receiver.owned(number);
    stream.settle();
    assert.deepEqual(stream.events, ['confirmed 7.1', 'confirmed 7.2', 'confirmed 7.3']);
    assert.equal(stream.sender.unconfirmedCount, 0);
    assert.equal(stream.sender.unconfirmedBytes, 0);
  });

  it('that are owned out of order are confirmed out of order', () => {
    const stream = new Stream(1).open();
    const [one, two, three, four] = ['a', 'b', 'c', 'd'].map((text) => stream.send(text));
    stream.settle();
    stream.receiver.owned(four!);
    stream.receiver.owned(two!);
    stream.settle();
    assert.deepEqual(stream.take(), ['confirmed 1.2', 'confirmed 1.4']);
    stream.receiver.owned(one!);
    stream.receiver.owned(three!);
    stream.settle();
    assert.deepEqual(stream.take(), ['confirmed 1.1', 'confirmed 1.3']);
  });

  it('that are refused never stop the next', () => {
    const stream = new Stream(1).open();
    const numbers = Array.from({ length: 2000 }, (_, at) => stream.send(String(at)));
    stream.settle();
    for (const [at, number] of numbers.entries()) {
      if (at % 2 === 0) stream.receiver.refused(number, 5);
      else stream.receiver.owned(number);
    }
    stream.settle();
    const events = stream.take();
    assert.equal(events.filter((event) => event.startsWith('refused')).length, 1000);
    assert.ok(events.includes('refused 1.1 for 5') && events.includes('confirmed 1.2000'));
    assert.equal(stream.sender.unconfirmedCount, 0);
  });

  it('without a number are sent once, or not at all', () => {
    const stream = new Stream(1);
    assert.equal(stream.sender.sendOnce(bodyOf('early')), false);
    stream.open();
    assert.equal(stream.sender.sendOnce(bodyOf('x')), true);
    stream.settle();
    stream.cut();
    stream.open();
    stream.settle();
    assert.deepEqual(stream.arrived, ['x']);
    stream.room = 0;
    assert.equal(stream.sender.sendOnce(stream.neighbour('y')), true);
    assert.equal(stream.sender.sendOnce(stream.neighbour('z')), true);
    stream.settle();
    assert.equal(stream.unsent, 2, 'the lane took none');
    stream.sender.sendOnce(bodyOf('late'));
    stream.cut();
    assert.equal(stream.unsent, 3);
  });

  it('that lie behind each other leave as one, and are settled one by one', () => {
    const stream = new Stream(1).open();
    stream.settle();
    const texts = ['a', 'b', 'c', 'd', 'e'];
    const numbers = texts.map((text) => stream.sendNeighbour(text));
    stream.sender.withdraw(numbers[1]!);
    stream.settle();
    assert.deepEqual(stream.arrived, ['1.1 a new', '1.3 c new', '1.4 d new', '1.5 e new']);
    assert.equal(stream.frameCount, 2);
    stream.receiver.refused(numbers[3]!, 5);
    stream.receiver.owned(numbers[2]!);
    stream.settle();
    assert.deepEqual(stream.take(), ['refused 1.4 for 5', 'confirmed 1.3']);
    stream.cut();
    stream.arrived.length = 0;
    stream.restartReceiver();
    stream.open();
    stream.settle();
    assert.deepEqual(stream.arrived, ['1.1 a new', '1.5 e new']);
  });

  it('without a number leave together too, and before what has one', () => {
    const stream = new Stream(1).open();
    stream.settle();
    stream.sendNeighbour('n');
    for (const text of ['a', 'b', 'c']) stream.sender.sendOnce(stream.neighbour(text));
    stream.settle();
    assert.deepEqual(stream.arrived, ['a', 'b', 'c', '1.1 n new']);
    assert.equal(stream.frameCount, 2);
  });

  it('of which the number was reserved leave when they are given, in the order of that', () => {
    const stream = new Stream(1).open();
    const first = stream.sender.reserve(3);
    stream.send('b');
    stream.sender.send(first!, Publish, bodyOf('a'));
    stream.settle();
    assert.deepEqual(stream.arrived, ['1.2 b new', '1.1 a new']);
    stream.cut();
    stream.restartReceiver();
    stream.open();
    stream.settle();
    assert.deepEqual(stream.arrived.slice(2), ['1.1 a new', '1.2 b new']);
  });
});

describe('a lane that breaks', () => {
  it('gets what was not owned again, first, with the numbers it had', () => {
    const stream = new Stream(1).open();
    const one = stream.send('a');
    stream.settle();
    stream.receiver.owned(one);
    stream.send('b');
    stream.cut();
    stream.send('c');
    stream.open();
    stream.send('d');
    stream.settle();
    assert.deepEqual(stream.arrived, ['1.1 a new', '1.2 b new', '1.3 c new', '1.4 d new']);
    assert.deepEqual(stream.take(), ['confirmed 1.1']);
  });

  it('does not get again what arrived before it broke and is owned', () => {
    const stream = new Stream(1).open();
    const numbers = Array.from({ length: 100 }, (_, at) => stream.send(String(at)));
    stream.settle();
    for (const number of numbers) stream.receiver.owned(number);
    stream.cut();
    stream.arrived.length = 0;
    stream.open();
    stream.settle();
    assert.deepEqual(stream.arrived, []);
    assert.equal(stream.sender.unconfirmedCount, 0);
  });

  it('says again what was refused, before it covers it', () => {
    const stream = new Stream(1).open();
    const numbers = Array.from({ length: 1500 }, (_, at) => stream.send(String(at)));
    stream.settle();
    for (const number of numbers) stream.receiver.refused(number, 9);
    stream.receiver.flush();
    stream.cut();
    stream.open();
    stream.settle();
    const events = stream.take();
    assert.equal(events.length, 1500);
    assert.ok(events.every((event) => event.startsWith('refused')));
  });

  it('gets a frame that is on its way to the disk again, and ignores it', () => {
    const stream = new Stream(1).open();
    const one = stream.send('a');
    stream.settle();
    stream.cut();
    stream.open();
    stream.settle();
    assert.deepEqual(stream.arrived, ['1.1 a new', '1.1 a known']);
    stream.receiver.owned(one);
    stream.settle();
    assert.deepEqual(stream.take(), ['confirmed 1.1']);
  });

  it('takes no more than it can, and goes on when it drained', () => {
    const stream = new Stream(1).open();
    stream.settle();
    stream.room = 2;
    for (const text of ['a', 'b', 'c', 'd']) stream.send(text);
    stream.settle();
    assert.equal(stream.arrived.length, 2);
    stream.room = 100;
    stream.sender.pump();
    stream.settle();
    assert.deepEqual(
      stream.arrived.map((one) => one.slice(4, 5)),
      ['a', 'b', 'c', 'd'],
    );
  });
});

describe('a receiver that restarts', () => {
  it('knows what was committed with its messages, and nothing else', () => {
    const stream = new Stream(1).open();
    const [one, , three] = ['a', 'b', 'c'].map((text) => stream.send(text));
    stream.settle();
    stream.receiver.stored(one!);
    stream.receiver.stored(three!);
    stream.commit(1);
    stream.cut();
    stream.restartReceiver();
    stream.arrived.length = 0;
    stream.open();
    stream.settle();
    assert.deepEqual(stream.arrived, ['1.2 b new']);
    assert.deepEqual(stream.take(), ['confirmed 1.3', 'confirmed 1.1']);
  });

  it('ignores what it stored, should it come again', () => {
    const stream = new Stream(1).open();
    const one = stream.send('a');
    stream.settle();
    stream.receiver.stored(one);
    stream.commit(1);
    stream.restartReceiver();
    assert.equal(stream.receiver.arrived(one), 'known');
    assert.equal(stream.receiver.arrived({ boot: 1, sequence: 2 }), 'new');
  });

  it('remembers what it refused until the sender cannot forget that', () => {
    const stream = new Stream(1).open();
    const [one, two] = ['a', 'b'].map((text) => stream.send(text));
    stream.settle();
    // Its record is deleted, but not durably.
    stream.kept.set(1, one!.sequence);
    stream.receiver.refused(one!, 3);
    stream.receiver.owned(two!);
    stream.settle();
    assert.deepEqual(stream.take(), ['refused 1.1 for 3', 'confirmed 1.2']);
    stream.cut();
    stream.restartSender(2);
    assert.ok(stream.sender.restore(one!));
    stream.open();
    stream.settle();
    assert.deepEqual(stream.take(), ['refused 1.1 for 3']);
    stream.kept.clear();
    stream.sender.tellFloors();
    stream.sender.pump();
    stream.settle();
    assert.deepEqual(stream.take(), ['forgot 1']);
  });

  it('judges a refused frame anew, although one behind it was stored', () => {
    const stream = new Stream(1).open();
    const [one, two] = ['a', 'b'].map((text) => stream.send(text));
    stream.settle();
    stream.receiver.stored(one!);
    stream.receiver.stored(two!);
    // The store could not take it after all.
    stream.receiver.refused(one!, 3);
    stream.commit(1);
    stream.cut();
    stream.restartReceiver();
    stream.arrived.length = 0;
    stream.open();
    stream.settle();
    assert.deepEqual(stream.arrived, ['1.1 a new']);
    assert.deepEqual(stream.take(), ['confirmed 1.2']);
  });

  it('does not wait for numbers that it owned without storing anything', () => {
    const stream = new Stream(1).open();
    const [one, two, three] = ['a', 'b', 'c'].map((text) => stream.send(text));
    stream.settle();
    stream.receiver.owned(two!);
    stream.settle();
    stream.cut();
    stream.restartReceiver();
    stream.open();
    stream.settle();
    stream.receiver.owned(three!);
    stream.receiver.owned(one!);
    stream.settle();
    assert.equal(stream.sender.unconfirmedCount, 0);
    assert.equal(stream.receiver.record(1)?.toString(), Buffer.from([3, 0]).toString());
  });

  it('refuses a record that it did not write', () => {
    const receiver = new DataReceiver({ transmit: () => true, forget() {} });
    assert.equal(receiver.restore(1, Buffer.from('80', 'hex')), false);
    assert.equal(receiver.restore(1, Buffer.from('05ffffff7f', 'hex')), false);
    assert.equal(receiver.restore(1, Buffer.from('050101010101', 'hex')), true);
  });
});

describe('a sender that restarts', () => {
  it('sends what it stored under the numbers of its earlier life', () => {
    const stream = new Stream(4).open();
    const [one, two, three] = ['a', 'b', 'c'].map((text) => stream.send(text));
    stream.settle();
    stream.receiver.owned(one!);
    stream.receiver.owned(three!);
    stream.cut();
    stream.restartSender(5);
    for (const number of [two!, three!]) assert.ok(stream.sender.restore(number));
    stream.sender.send(two!, Remnant, bodyOf('b'));
    stream.open();
    stream.send('new');
    stream.arrived.length = 0;
    stream.settle();
    assert.deepEqual(stream.arrived, ['4.2 b known', '5.1 new new']);
    assert.deepEqual(stream.take(), ['confirmed 4.3']);
    // It was confirmed before it was handed over.
    stream.sender.send(three!, Remnant, bodyOf('c'));
    stream.receiver.owned(two!);
    stream.settle();
    assert.deepEqual(stream.take(), ['confirmed 4.2', 'forgot 4']);
  });

  it('lets the receiver forget boots of which nothing is left', () => {
    const stream = new Stream(4).open();
    stream.receiver.owned((stream.send('a'), stream.settle(), { boot: 4, sequence: 1 }));
    stream.cut();
    stream.restartSender(5);
    stream.open();
    stream.settle();
    assert.deepEqual(stream.take(), ['forgot 4']);
    assert.equal(stream.receiver.record(4), undefined);
  });
});

describe('a number that is withdrawn', () => {
  it('is not waited for, whether it was sent or not', () => {
    const stream = new Stream(1).open();
    const [one, two] = ['a', 'b'].map((text) => stream.send(text));
    const three = stream.sender.reserve(1)!;
    const four = stream.send('d');
    stream.settle();
    stream.sender.withdraw(two!);
    stream.sender.withdraw(three);
    stream.receiver.owned(four);
    stream.receiver.owned(one!);
    stream.settle();
    assert.equal(stream.sender.unconfirmedCount, 0);
    assert.deepEqual(stream.receiver.record(1), Buffer.from([4, 0]));
    // The receiver is not done with it, but nobody asks.
    stream.receiver.owned(two!);
    stream.settle();
    assert.deepEqual(stream.take(), ['confirmed 1.4', 'confirmed 1.1']);
  });
});

describe('the bounds of a stream', () => {
  it('are bytes that are not confirmed', () => {
    const stream = new Stream(1, 10).open();
    assert.ok(!stream.sender.isFull);
    const one = stream.send('0123456789');
    assert.ok(stream.sender.isFull);
    assert.equal(stream.sender.reserve(1), undefined);
    stream.settle();
    stream.receiver.owned(one);
    stream.settle();
    assert.ok(!stream.sender.isFull);
  });

  it('are numbers above the lowest one that is not confirmed', () => {
    const stream = new Stream(1, 1e9).open();
    let last: FrameNumber | undefined;
    for (let count = 0; count < windowMax; count += 1) last = stream.sender.reserve(0);
    assert.equal(last?.sequence, windowMax);
    assert.equal(stream.sender.reserve(0), undefined);
    stream.sender.withdraw({ boot: 1, sequence: 1 });
    assert.equal(stream.sender.reserve(0)?.sequence, windowMax + 1);
    assert.equal(stream.receiver.arrived({ boot: 1, sequence: windowMax + 1 }), 'outside');
    assert.equal(stream.receiver.arrived({ boot: 1, sequence: windowMax }), 'new');
  });
});

describe('a peer that errs', () => {
  const problem = (hex: string): string | undefined => {
    const out = {
      transmit: () => true,
      confirmed() {},
      refused() {},
      resumed() {},
      unsent() {},
      floors: () => new Map<number, number>(),
    };
    const sender = new DataSender(1, 1000, out);
    sender.opened();
    sender.reserve(1);
    return sender.onConfirm(Buffer.from(hex, 'hex'));
  };

  it('by confirming or refusing what it was never sent, is found out', () => {
    const never = 'the peer confirms what it was never sent';
    assert.equal(problem('01010000'), never);
    assert.equal(problem('01050000'), never);
    assert.equal(problem('010001000000'), never);
    assert.equal(problem('010000010102'), never);
    assert.equal(problem('02050000'), undefined, 'of a boot that is over');
  });

  it('by cutting a body short, is found out', () => {
    assert.equal(problem('0101'), 'a Confirm of the peer ends early');
    assert.equal(problem('0100ffff03'), 'a Confirm of the peer ends early');
    const receiver = new DataReceiver({ transmit: () => true, forget() {} });
    assert.equal(receiver.onFloor(Buffer.from('0101', 'hex')), 'a Floor of the peer ends early');
    for (const hex of ['', '01', '0100', '80', 'ffffffffffffffffff01', '800001']) {
      assert.equal(splitNumber(Buffer.from(hex, 'hex')), undefined, hex);
    }
  });

  it('by sending random bytes, never makes anything throw', () => {
    const random = new SeededRandom(5);
    const out = {
      ...{
        transmit: () => true,
        confirmed() {},
        refused() {},
        resumed() {},
        unsent() {},
        floors: () => new Map<number, number>(),
      },
      forget() {},
    };
    for (let run = 0; run < 1500; run += 1) {
      const sender = new DataSender(1 + random.below(3), 1000, out);
      sender.opened();
      sender.send(sender.reserve(1)!, Publish, bodyOf('a'));
      const receiver = new DataReceiver(out);
      receiver.opened();
      const bytes = Buffer.from(
        Array.from({ length: random.below(12) }, () => random.below(random.below(2) ? 5 : 256)),
      );
      sender.onConfirm(bytes);
      receiver.onFloor(bytes);
      receiver.restore(1, bytes);
      const number = splitNumber(bytes)?.number;
      if (number !== undefined) receiver.arrived(number);
      receiver.flush();
      sender.pump();
    }
  });
});
