export { NacreError } from '../../base/errors.ts';
export type { BlockDevice, DeviceCompletion, DeviceResult, Extent } from './block-device.ts';
export type { NbdExport } from './exports.ts';
export { ImageDevice } from './image-device.ts';
export { type ListenAddress, NbdServer, type NbdServerOptions, nbdUri } from './server.ts';
export { type NbdTlsOptions, parsePskFile } from './tls.ts';
