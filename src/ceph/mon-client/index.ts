export type { MonCommandOptions, MonCommandResult, MonCommandWords, MonVersions } from './command.ts';
export { createMonClient, MonClient, type MonClientOptions, type WaitOptions } from './mon-client.ts';
export * from './mon-host.ts';
export * from './monmap.ts';
