export type { ByteInput } from './byte-source.ts';
export { type ExportDiffOptions, exportDiff, exportImageV2, exportRaw, rawBytes } from './export.ts';
export { type ImportOptions, importImageV2, importRaw } from './import.ts';
export { type ImportDiffOptions, importDiff } from './import-diff.ts';
export { mergeDiff } from './merge-diff.ts';
export type { Piece, ReadImageOptions } from './read-image.ts';
