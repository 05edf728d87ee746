// A broker inside a Node.js program, with an authentication back end of its own.
// Run it: node examples/embed.mjs
import { createNode, ReasonCode } from 'nautilusmq';

const users = new Map([['sensor', 'secret']]);

const node = await createNode({
  config: {
    'listener.tcp.default': '127.0.0.1:0',
    'listener.ws.default': '127.0.0.1:0',
    store: 'memory',
    allow_anonymous: false,
  },
  auth: [
    {
      name: 'users in a map',
      onRegister({ userName, password }) {
        const isKnown = userName !== undefined && users.get(userName) === String(password);
        if (isKnown) return { verdict: 'allow', modifiers: undefined };
        const reasonCode = ReasonCode.BadUserNameOrPassword;
        return { verdict: 'deny', reasonCode, reason: 'unknown user or wrong password' };
      },
      onPublish({ client, topicName }) {
        const isOwn = topicName.startsWith(`${client.userName}/`);
        return isOwn ? { verdict: 'allow', modifiers: undefined } : { verdict: 'next' };
      },
      onSubscribe() {
        return { verdict: 'allow', modifiers: undefined };
      },
    },
  ],
});

for (const { type, address, port } of node.listeners) console.log(`${type} ${address}:${port}`);
node.publish({ topicName: 'greeting', payload: Buffer.from('hello'), retain: true });

process.on('SIGINT', () => void node.close());
if (process.argv.includes('--once')) await node.close();
