import '../messages/index.ts';

export { InprocStack } from './inproc-stack.ts';
export { createMessenger, MessengerImpl, type MessengerOptions } from './messenger.ts';
export { MESSENGER_DEFAULTS, type MessengerConfig, type MessengerStats } from './options.ts';
export * from './policy.ts';
export { type NetworkStack, type StreamHandler, TcpStack } from './stack.ts';
export * from './types.ts';
