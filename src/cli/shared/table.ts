export { type Align, TextTable } from '../../base/text-table.ts';
