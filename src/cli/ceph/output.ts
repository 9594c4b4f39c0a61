import { errnoName } from '../../base/errno.ts';
import { NacreError } from '../../base/errors.ts';
import { CommandError } from '../../ceph/rados/index.ts';

/** 'Error ENOENT: pool x does not exist', as ceph ends with it. */
export function errorLine(errno: number, status: string): string {
  return `Error ${errnoName(errno)}: ${status}\n`;
}

/** The errno of a refused command and what the daemon said; other errors are told in their own words. */
export function refusal(error: unknown): { errno: number; status: string } {
  if (error instanceof CommandError) return { errno: Math.abs(error.errno), status: error.status };
  if (error instanceof NacreError) return { errno: Math.abs(error.errno), status: error.message };
  throw error;
}
