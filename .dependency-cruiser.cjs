'use strict';

/**
 * The import rule: imports point one way only,
 *
 *     cli -> scenarios -> lab -> { kernel-api, firmware, devices } -> emulator -> base
 *
 * and the three in braces do not import each other. Up to lab/ and the public entry, each layer has a closed list of
 * what it may import, so that Node built-ins and npm packages are excluded by the same rule as the layers above.
 */
const below = {
  base: [],
  emulator: ['base'],
  devices: ['emulator', 'base'],
  firmware: ['emulator', 'base'],
  lab: ['kernel-api', 'firmware', 'devices', 'emulator', 'base'],
};

const folders = (names) => `^(?:${names.join('|')})/`;

const layerRules = Object.entries(below).map(([layer, lower]) => ({
  name: `${layer}-imports`,
  comment: `${layer}/ imports ${['itself', ...lower.map((name) => `${name}/`)].join(', ')} and nothing else`,
  severity: 'error',
  from: { path: folders([layer]) },
  to: { pathNot: folders([layer, ...lower]) },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...layerRules,
    {
      name: 'kernel-api-imports',
      comment: 'software meets hardware in registers, RAM and interrupts: only base/ and the CPU port are importable',
      severity: 'error',
      from: { path: '^kernel-api/' },
      to: { pathNot: '^(?:kernel-api/|base/|emulator/cpu-port\\.ts$)' },
    },
    {
      name: 'public-entry-imports',
      comment: 'index.ts re-exports lab/ and what lies below it',
      severity: 'error',
      from: { path: '^index\\.ts$' },
      to: { pathNot: folders(['lab', ...below.lab]) },
    },
    {
      name: 'conformance-imports',
      comment: 'conformance/ asks what lab/ and below answer; only its command knows the host',
      severity: 'error',
      from: { path: '^conformance/', pathNot: '^conformance/main\\.ts$' },
      to: { pathNot: folders(['conformance', 'lab', ...below.lab]) },
    },
    {
      name: 'conformance-command-imports',
      comment: "the conformance command adds Node's built-ins, and nothing else",
      severity: 'error',
      from: { path: '^conformance/main\\.ts$' },
      to: { pathNot: folders(['conformance', 'lab', ...below.lab]), dependencyTypesNot: ['core'] },
    },
    {
      name: 'scenarios-imports',
      comment: 'a scenario must not depend on the command that runs it',
      severity: 'error',
      from: { path: '^scenarios/' },
      to: { path: '^cli/' },
    },
    {
      name: 'not-to-tests',
      comment: 'nothing that ships depends on tests, benchmarks or conformance',
      severity: 'error',
      from: { pathNot: '^(?:test|bench|conformance)/' },
      to: { path: '^(?:test|bench|conformance)/' },
    },
    {
      name: 'no-runtime-cycle',
      comment: 'modules that import each other at run time see half-initialised exports',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only', 'pre-compilation-only'] } },
    },
    {
      name: 'no-type-cycle',
      comment: "types may refer to each other in a circle only in kernel-api/, where the kernel's own structs do",
      severity: 'error',
      from: { pathNot: '^kernel-api/' },
      to: { circular: true },
    },
    {
      name: 'unresolvable',
      comment: 'the import leads nowhere',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'not-to-dev-dependency',
      comment: 'what ships may use only what is installed with it',
      severity: 'error',
      from: { path: '^(?:cli|scenarios)/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(?:dist|docs|coverage|eslint-rules|types)/|^eslint\\.config\\.' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
