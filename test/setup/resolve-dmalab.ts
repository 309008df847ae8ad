import Module from 'node:module';
import path from 'node:path';

/**
 * Scenarios import the lab as its users do, `from 'dmalab'`. In a test run that name means the sources, not whatever
 * `dist/` holds: otherwise a scenario and the test that runs it would each have a lab of their own.
 */
type ResolveFilename = (request: string, ...rest: unknown[]) => string;

const loader = Module as unknown as { _resolveFilename: ResolveFilename };
const resolveFilename = loader._resolveFilename;
const publicEntry = path.resolve(__dirname, '../../index.ts');

loader._resolveFilename = function (request, ...rest) {
  return request === 'dmalab' ? publicEntry : resolveFilename.call(this, request, ...rest);
};
