'use strict';

// Mocha adds its arguments to what stands here; naming a file should run that file only.
const isNamed = process.argv.some((arg) => arg.endsWith('.spec.ts'));

module.exports = {
  require: ['./test/setup/typescript.cjs', './test/setup/resolve-dmalab.ts', './test/setup/property-seed.ts'],
  reporter: './test/setup/reporter.cjs',
  spec: isNamed ? [] : ['test/**/*.spec.ts'],
  // Of many files, each core takes the next one; one alone starts sooner without.
  ...(isNamed ? {} : { parallel: true, jobs: 2 }),
  extension: ['ts'],
  // Nothing here takes this long; a loaded machine must not fail a test that is right.
  timeout: 60_000,
  forbidOnly: Boolean(process.env.CI),
};
