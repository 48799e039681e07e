import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { environment } from '../../services/node/config.js';

/** Where the programs of the real services are: first on PATH, then in the project's own folder, which git ignores. */

/** What `install` brings and lays down beside the project, where the system has no package of it. */
export function programsFolder(): string {
  return join(process.cwd(), '.services', 'programs');
}

/** Why a service cannot be started here, in one line that says what to do. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
}

/** Programs of the system that a user's PATH often leaves out. */
const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** The full path of a program; undefined where there is none. */
export function findProgram(name: string): string | undefined {
  const path = (environment()['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const folders = [...path, ...SYSTEM_FOLDERS, join(programsFolder(), 'usr/bin')];
  return folders.map((folder) => join(folder, name)).find(isProgram);
}

/** Throws a {@link ServiceError} that says how to get it. */
export function needProgram(name: string): string {
  const found = findProgram(name);
  if (found !== undefined) return found;
  throw new ServiceError(`${name} is not installed here: run \`npm run services -- install\`.`);
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
