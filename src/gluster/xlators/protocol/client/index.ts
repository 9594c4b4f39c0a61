export { ProtocolClient } from './client.ts';
