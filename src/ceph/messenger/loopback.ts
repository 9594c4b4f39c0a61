import { unwind, wind } from '../../base/trace.ts';
import type { AuthenticatedPeer } from '../auth/types.ts';
import type { Message } from '../messages/message.ts';
import { type EntityName, entityNameText } from '../types/entity.ts';
import type { EntityAddrVec } from '../types/entity-addr.ts';
import { ALL_FEATURES, type Features } from '../types/features.ts';
import type { MessengerImpl } from './messenger.ts';
import type { Connection } from './types.ts';

/** The connection to oneself: messages go to the dispatchers as they are, not encoded. */
export class LoopbackConnection implements Connection {
  private readonly messenger: MessengerImpl;
  readonly features: Features = ALL_FEATURES;
  readonly isConnected = true;
  readonly isLossy = false;
  readonly peer: AuthenticatedPeer | undefined = undefined;
  readonly globalId = 0n;
  readonly lastKeepaliveAck = 0;
  session: unknown = undefined;

  constructor(messenger: MessengerImpl) {
    this.messenger = messenger;
  }

  get peerType(): number {
    return this.messenger.myName.type;
  }

  get peerName(): EntityName {
    return this.messenger.myName;
  }

  get peerAddrs(): EntityAddrVec {
    return this.messenger.myAddrs;
  }

  get lastActive(): number {
    return this.messenger.env.clock.mono();
  }

  send(message: Message): void {
    if (message.trace !== undefined)
      unwind(
        wind('AsyncMessenger.submit_message', message.trace, {
          message: message.describe(),
          to: entityNameText(this.peerName),
        }),
      );
    this.messenger.dispatchQueue.deliverLocally(this, message);
  }

  sendKeepalive(): void {}

  markDown(): void {}
}
