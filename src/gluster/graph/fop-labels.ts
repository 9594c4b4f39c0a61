import { FOP_NUMBERS, type FopName } from './fops.ts';

const ODD: Readonly<Partial<Record<FopName, string>>> = {
  readv: 'READ',
  writev: 'WRITE',
  copyFileRange: 'COPY_FILE_RANGE',
};

/** Fops as Gluster's statistics, dumps and logs name them (`gf_fop_list`): 'WRITE'. */
export const FOP_LABELS = Object.fromEntries(
  (Object.keys(FOP_NUMBERS) as FopName[]).map(fop => [fop, ODD[fop] ?? fop.toUpperCase()]),
) as Readonly<Record<FopName, string>>;

/** Names that options take (debug/error-gen's `enable`, debug/trace's `include-ops`), of any case: 'write', 'writev', 'WRITE'. */
export function fopOfName(name: string): FopName | undefined {
  return BY_NAME.get(name.trim().toUpperCase().replaceAll('-', '_'));
}

const BY_NAME = new Map<string, FopName>();
for (const [fop, label] of Object.entries(FOP_LABELS) as [FopName, string][])
  BY_NAME.set(label, fop).set(fop.toUpperCase(), fop);
