/** The object storage daemon. */
export { standardClasses } from './cls/index.ts';
export {
  CLS_METHOD_RD,
  CLS_METHOD_WR,
  ClassRegistry,
  type ClsContext,
  type ClsMethod,
} from './cls/registry.ts';
export { OSD, type OsdOptions } from './osd.ts';
export { OsdCaps } from './osd-caps.ts';
