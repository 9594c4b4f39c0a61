export { TextTable } from '../../base/text-table.ts';
