'use strict';

module.exports = {
  require: ['ts-node/register/transpile-only', './test/setup/resolve-dmalab.ts', './test/setup/property-seed.ts'],
  reporter: './test/setup/reporter.cjs',
  // Mocha adds its arguments to what stands here; naming a file should run that file only.
  spec: process.argv.some((arg) => arg.endsWith('.spec.ts')) ? [] : ['test/**/*.spec.ts'],
  extension: ['ts'],
  // Nothing here takes this long; a loaded machine must not fail a test that is right.
  timeout: 60_000,
  forbidOnly: Boolean(process.env.CI),
};
