import net from 'node:net';
import type { AdminNode } from './admin-node.js';
import type { Command } from './command.js';
import { commands as allCommands } from './commands.js';
import {
  FirstLine,
  readRequest,
  requestBytesMax,
  requestWithinMs,
  responseLine,
  signOfLife,
  signOfLifeMs,
} from './protocol.js';
import type { AdminRequest } from './request.js';
import { type AdminResponse, type Resolved, resolveRequest, runCommand } from './run-command.js';
import { listenPrivately, type OwnSocket } from './socket.js';

/** Connections at a time; further ones are closed at once. */
const connectionsMax = 16;
/** Milliseconds that a close waits for answers that are on their way. */
const closeWithinMs = 1000;

/** The part of the log that is needed here. */
export interface AdminLog {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface AdminServerOptions {
  /** The data directory; made when it does not exist. */
  readonly directory: string;
  readonly node: AdminNode;
  readonly log: AdminLog;
  /** Instead of all. */
  readonly commands?: readonly Command[];
}

/** Serves commands on the admin socket of one node. Opened once, closed once. */
export class AdminServer {
  readonly #node: AdminNode;
  readonly #log: AdminLog;
  readonly #commands: readonly Command[];
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  #own: OwnSocket | undefined;

  private constructor({ node, log, commands }: AdminServerOptions) {
    this.#node = node;
    this.#log = log;
    this.#commands = commands ?? allCommands;
    // A caller may close its half after the request, as socat does.
    this.#server = net.createServer({ allowHalfOpen: true }, (socket) =>
      this.#onConnection(socket),
    );
    this.#server.maxConnections = connectionsMax;
  }

  /** Resolves when the socket can be asked; rejects with an AdminError. */
  static async open(options: AdminServerOptions): Promise<AdminServer> {
    const server = new AdminServer(options);
    server.#own = await listenPrivately(server.#server, options.directory);
    server.#server.on('error', (error) => {
      options.log.error({ error }, 'admin socket: a connection could not be accepted');
    });
    return server;
  }

  /** Where it listens. */
  get path(): string {
    return this.#own?.path ?? '';
  }

  /**
   * Takes no more requests and removes the socket. Answers that are ready go out; a command that is
   * still running is left without one after a second, so that a command may stop the node.
   */
  async close(): Promise<void> {
    if (this.#own === undefined) return;
    const own = this.#own;
    this.#own = undefined;
    try {
      own.remove();
    } catch (error) {
      // The next start replaces it.
      this.#log.error({ error }, `${own.path} could not be removed`);
    }
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    const timer = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, closeWithinMs);
    await closed;
    clearTimeout(timer);
  }

  #onConnection(socket: net.Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    // Who hangs up early gets no answer; what was asked is done all the same.
    socket.on('error', () => socket.destroy());
    socket.setTimeout(requestWithinMs, () => socket.destroy());
    socket.write(signOfLife);
    const line = new FirstLine(requestBytesMax);
    const onData = (chunk: Buffer): void => {
      const found = line.push(chunk);
      if (found === undefined) return;
      socket.off('data', onData);
      socket.off('end', onEnd);
      socket.resume();
      socket.setTimeout(0);
      this.#onLine(socket, found);
    };
    const onEnd = (): void => {
      socket.end();
    };
    socket.on('data', onData);
    socket.on('end', onEnd);
  }

  #onLine(socket: net.Socket, found: { readonly line: string } | 'tooLong'): void {
    if (found === 'tooLong') {
      reply(socket, refused(`The request is over ${requestBytesMax / 1024} KiB.`));
      return;
    }
    const request = readRequest(found.line);
    if (request === undefined) {
      reply(socket, refused('The request is not one line of JSON with words and flags.'));
      return;
    }
    const resolved = resolveRequest(this.#commands, request);
    if (resolved.kind === 'answer') {
      reply(socket, resolved.response);
      return;
    }
    const alive = setInterval(() => socket.write(signOfLife), signOfLifeMs);
    socket.once('close', () => clearInterval(alive));
    const onDone = (response: AdminResponse): void => {
      clearInterval(alive);
      reply(socket, response);
    };
    void this.#run(resolved, request).then(onDone);
  }

  /** Never rejects. */
  async #run(resolved: Resolved & { kind: 'run' }, request: AdminRequest): Promise<AdminResponse> {
    const { command, invocation } = resolved;
    const name = command.words.join(' ');
    if (command.changes) {
      const values = command.keys.map((key) => [key.name, invocation.key(key.name)] as const);
      const fields = { command: name, arguments: Object.fromEntries(values) };
      this.#log.info(fields, 'admin command');
    }
    let timer: NodeJS.Timeout | undefined;
    const limitMs = command.limitMs(invocation);
    const limit = new Promise<AdminResponse>((resolve) => {
      const text = `${name} is not done after ${limitMs / 1000} s. It goes on in the node.`;
      timer = setTimeout(() => resolve(refused(text)), limitMs);
    });
    try {
      return await Promise.race([runCommand(resolved, this.#node, request), limit]);
    } catch (error) {
      this.#log.error({ command: name, error }, 'admin command failed');
      const reason = error instanceof Error ? error.message : String(error);
      return refused(`${name} failed in the node: ${reason}`);
    } finally {
      clearTimeout(timer);
    }
  }
}

function refused(text: string): AdminResponse {
  return { exitCode: 1, text: `${text}\n`, isAlert: true };
}

function reply(socket: net.Socket, response: AdminResponse): void {
  if (!socket.destroyed) socket.end(responseLine(response));
}
