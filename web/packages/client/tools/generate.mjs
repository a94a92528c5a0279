// src/generated/openapi.ts from docs/openapi.json, or from the file that is named. The generator needs an older TypeScript than we do, so it is fetched for this alone.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';

const source = process.argv[2] ? pathToFileURL(process.argv[2]) : new URL('../../../../docs/openapi.json', import.meta.url);
const target = new URL('../src/generated/openapi.ts', import.meta.url);
if (!existsSync(source)) throw new Error('docs/openapi.json is not there');
mkdirSync(new URL('.', target), { recursive: true });
const packages = ['--package=openapi-typescript@7.13.0', '--package=typescript@5.9.3'];
const made = spawnSync('npm', ['exec', '--yes', ...packages, '--', 'openapi-typescript', fileURLToPath(source), '--alphabetize'], {
  encoding: 'utf8',
});
if (made.status !== 0) throw new Error(made.stderr);
const hash = createHash('sha256').update(readFileSync(source)).digest('hex');
writeFileSync(target, `// From docs/openapi.json, sha256 ${hash}: npm run generate.\n${made.stdout}`);
