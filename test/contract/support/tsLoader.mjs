import { register } from 'node:module';

/** `node --import tsLoader.mjs FILE.ts`: runs a test's child process from the sources, without a build. */
register('./tsHooks.mjs', import.meta.url);
