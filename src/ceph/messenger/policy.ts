import { FEATURES_SUPPORTED_DEFAULT, Features } from '../types/features.ts';
import type { Policy } from './types.ts';

/** What every peer must know before addresses can be exchanged at all is checked by the protocols, not here. */
const SUPPORTED = new Features(FEATURES_SUPPORTED_DEFAULT);

function policy(
  lossy: boolean,
  server: boolean,
  standby: boolean,
  resetCheck: boolean,
  registerLossyClients: boolean,
  required: bigint,
): Policy {
  return {
    lossy,
    server,
    standby,
    resetCheck,
    registerLossyClients,
    featuresSupported: SUPPORTED,
    featuresRequired: new Features(required),
  };
}

// The seven kinds of msg/Policy.h. `required`: feature bits that a peer must have.

/** A server that keeps nothing of a client whose connection broke (monitor towards clients). */
export function statelessServer(required = 0n): Policy {
  return policy(true, true, false, false, false, required);
}

/** The same, but a second connection from one client address ends the first (OSD towards clients). */
export function statelessRegisteredServer(required = 0n): Policy {
  return policy(true, true, false, false, true, required);
}

/** A server that waits for its clients to come back and replays what they did not acknowledge. */
export function statefulServer(required = 0n): Policy {
  return policy(false, true, true, true, true, required);
}

/** A client whose session ends with its connection (client towards OSD and monitor). */
export function lossyClient(required = 0n): Policy {
  return policy(true, false, false, false, true, required);
}

/** A client that reconnects and replays, and hears of it when the server forgot the session. */
export function losslessClient(required = 0n): Policy {
  return policy(false, false, false, true, true, required);
}

/** Equal peers that both connect, replay, and take a restarted peer for the same one (OSD towards OSD). */
export function losslessPeer(required = 0n): Policy {
  return policy(false, false, true, false, true, required);
}

/** Equal peers whose addresses outlive them, so that a restart must be noticed (monitor towards monitor). */
export function losslessPeerReuse(required = 0n): Policy {
  return policy(false, false, true, true, true, required);
}
