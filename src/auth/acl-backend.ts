import { ReasonCode } from '../packet/mod.js';
import { Acl } from './acl-file.js';
import type {
  AuthBackend,
  Decision,
  Deny,
  Next,
  PublishRequest,
  SubscribeAnswers,
  SubscribeRequest,
  SubscribeVerdict,
} from './decisions.js';

const granted: Decision<never> = { verdict: 'allow', modifiers: undefined };
const unknown: Next = { verdict: 'next' };
const denied: Deny = {
  verdict: 'deny',
  reasonCode: ReasonCode.NotAuthorized,
  reason: 'denied by the ACL file',
};
const deniedFilter: SubscribeVerdict = { refused: denied.reasonCode, reason: denied.reason };

/** Decides on publishing and subscribing by an ACL. What it does not mention, it leaves open. */
export class AclBackend implements AuthBackend {
  readonly name = 'vmq_acl';
  readonly publishCacheable = true;
  readonly publishSynchronous = true;
  #acl: Acl = new Acl();
  #revision = 0;

  get revision(): number {
    return this.#revision;
  }

  /** Puts another ACL in force, for what is asked from now on. */
  replace(acl: Acl): void {
    this.#acl = acl;
    this.#revision += 1;
  }

  onPublish({ topicName, client }: PublishRequest): Decision<never> {
    switch (this.#acl.publish(topicName, client)) {
      case 'granted':
        return granted;
      case 'denied':
        return denied;
      case 'unknown':
        return unknown;
    }
  }

  onSubscribe({ client, subscriptions }: SubscribeRequest): Decision<SubscribeAnswers> {
    const verdicts = subscriptions.map(({ topicFilter, qos }): SubscribeVerdict | Next => {
      switch (this.#acl.subscribe(topicFilter, client)) {
        case 'granted':
          return { topicFilter, qos };
        case 'denied':
          return deniedFilter;
        case 'unknown':
          return unknown;
      }
    });
    return { verdict: 'allow', modifiers: { verdicts } };
  }
}
