// Clients of the demo: phones that call each other over MQTT, each by the node next to it.
import { setTimeout as sleep } from 'node:timers/promises';
import mqtt from 'mqtt';

const patienceMs = 1500;
const retryMs = 500;

/**
 * A phone with a persistent session. It sends a numbered call to `peer` at a steady pace, and says
 * when what it experiences changes, never for each message.
 */
export class Phone {
  calls = { sent: 0, acknowledged: 0, refused: 0, unanswered: 0 };
  connects = { served: 0, refused: 0, failed: 0 };
  /** Numbers of calls that were acknowledged to this phone. */
  acknowledged = new Set();
  /** Numbers of calls that have come in. */
  received = new Set();
  /** When something was not as it should be, since `forget`: first and latest. */
  firstTroubleAt;
  lastTroubleAt;
  #client;
  #isOver = false;
  #mood = '';
  /** Attempts to connect since it was let in. */
  #failedInRow = 0;
  /** Of the latest packet, where the version has any. */
  #reason;

  /** `nodes` in the order in which it tries them; `tell` takes what its user would notice. */
  constructor({ name, version, nodes, peer, tell }) {
    Object.assign(this, { name, version, nodes, peer, tell });
    this.title = `${name} (MQTT ${version === 5 ? '5' : '3.1.1'})`;
  }

  /** Connects to the first node of its list that takes it, now and whenever it is thrown out. */
  async run() {
    for (let at = 0; !this.#isOver; ) {
      const node = this.nodes[at % this.nodes.length];
      const connection = await this.#connect(node);
      if (connection === undefined) {
        at += 1;
        await sleep(retryMs);
        continue;
      }
      await connection.ended;
      if (this.#isOver) return;
      this.#noteTrouble();
      this.#feel(`has lost the connection to ${node.place}`);
    }
  }

  /** One call; counted by its answer. */
  call() {
    const client = this.#client;
    if (client === undefined || !client.connected) return;
    const number = (this.calls.sent += 1);
    const payload = JSON.stringify({ from: this.name, number });
    let isSettled = false;
    const late = setTimeout(() => {
      isSettled = true;
      this.calls.unanswered += 1;
      // That the connection is lost was told when it was.
      if (client !== this.#client || !client.connected) return;
      this.#noteTrouble();
      this.#feel('gets no answer to its calls');
    }, patienceMs);
    client.publish(`call/${this.peer}`, payload, { qos: 1 }, (error) => {
      clearTimeout(late);
      // A late answer is one all the same: this call has to arrive.
      if (!error) this.acknowledged.add(number);
      if (isSettled) return;
      this.#settle(error);
    });
  }

  /** Counts from now on. */
  forget() {
    this.calls = { sent: this.calls.sent, acknowledged: 0, refused: 0, unanswered: 0 };
    this.connects = { served: 0, refused: 0, failed: 0 };
    this.firstTroubleAt = undefined;
    this.lastTroubleAt = undefined;
  }

  stop() {
    this.#isOver = true;
    this.#client?.end(true);
  }

  /** Undefined: not taken. Else a promise of the end of the connection, in an object. */
  async #connect(node) {
    const client = mqtt.connect(node.url, {
      clientId: this.name,
      protocolVersion: this.version,
      clean: false,
      reconnectPeriod: 0,
      connectTimeout: 5000,
      resubscribe: false,
      queueQoSZero: false,
      ...(this.version === 5 ? { properties: { sessionExpiryInterval: 3600 } } : {}),
    });
    client.on('error', () => {});
    client.on('packetreceive', ({ properties }) => {
      this.#reason = properties?.reasonString;
    });
    client.on('message', (_topic, payload) => {
      this.received.add(JSON.parse(payload.toString()).number);
    });
    const ended = new Promise((resolve) => client.once('close', resolve));
    const refusal = await new Promise((resolve) => {
      client.once('connect', () => resolve(undefined));
      client.once('error', resolve);
      client.once('close', () => resolve(new Error('closed')));
    });
    if (refusal !== undefined || this.#isOver) {
      client.end(true);
      this.#noteRefusedConnect(node, refusal);
      return undefined;
    }
    this.connects.served += 1;
    this.#failedInRow = 0;
    this.#client = client;
    this.#feel(`is connected to ${node.place}`);
    client.subscribe(`call/${this.name}`, { qos: 1 }, () => {});
    return { ended };
  }

  #settle(error) {
    if (!error) {
      this.calls.acknowledged += 1;
      this.#feel('can call');
    } else if (typeof error.code === 'number') {
      this.calls.refused += 1;
      this.#noteTrouble();
      this.#feel(`is refused: "${this.#reason ?? error.message}"`);
    } else {
      // The connection went first.
      this.calls.unanswered += 1;
      this.#noteTrouble();
    }
  }

  #noteRefusedConnect(node, error) {
    this.#noteTrouble();
    const isRefused = typeof error?.code === 'number';
    this.connects[isRefused ? 'refused' : 'failed'] += 1;
    this.#failedInRow += 1;
    // One round is enough to read.
    if (this.#failedInRow > this.nodes.length) {
      this.#feel(`goes from node to node, every ${retryMs} ms, and none lets it in`);
    } else if (isRefused) {
      this.#feel(`is not let in by ${node.place}: "${this.#reason ?? error.message}"`);
    } else {
      this.#feel(`does not reach ${node.place}`);
    }
  }

  #noteTrouble() {
    const now = performance.now();
    this.firstTroubleAt ??= now;
    this.lastTroubleAt = now;
  }

  #feel(mood) {
    if (mood === this.#mood) return;
    this.#mood = mood;
    this.tell(this, mood);
  }
}
