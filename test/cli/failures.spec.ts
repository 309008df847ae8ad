import { expect } from 'chai';
import { compilePackage } from '../support/compiled-package';
import { throwsInHandler } from './lib/driver-texts';
import { dmalab, makeFolder, parseJson, removeFolder, scenarioText, type CommandResult } from '../support/run-dmalab';

interface Failure {
  readonly kind: string;
  readonly message: string;
  readonly file: string;
  readonly line: number | null;
  readonly column: number | null;
}

interface Report {
  readonly summary: { readonly passed: number; readonly failed: number };
  readonly scenarios: readonly {
    readonly name: string;
    readonly failure: Failure | null;
    readonly measures: unknown;
  }[];
}

/** Scenario -> what it does from line 5 on, and how its failure is reported. */
const failing: Record<string, readonly [body: string, kind: string, line: number | null, message: string | RegExp]> = {
  check: [
    "    interface A { b: number }\n    lab.equal({ b: 1 }.b, 2, 'the number');",
    'check',
    6,
    'the number: expected 2, found 1',
  ],
  exception: ["    throw new TypeError('no such thing');", 'exception', 5, 'TypeError: no such thing'],
  exits: [
    '    process.exit(0);',
    'lab',
    5,
    'process.exit(0) in a scenario: it passes by returning and fails by throwing',
  ],
  foreign: [
    '    await new Promise((resolve) => setTimeout(resolve, 60_000));',
    'lab',
    null,
    /^task 'main' awaits something that is no part of the machine/,
  ],
  forever: ['    await lab.kernel.sched.block("the end of days");', 'lab', null, /waits for the end of days/],
  leaks: [
    `    const forever = async () => { for (;;) await lab.kernel.sched.block('its turn'); };
    lab.kernel.sched.spawn('forgotten', forever);`,
    'check',
    null,
    'the scenario returned while tasks still exist: forgotten; stop them first',
  ],
  late: ["    setImmediate(() => { throw new Error('late'); });", 'exception', 5, 'nobody handles this: Error: late'],
  loops: [
    '    let n = 0;\n    while (n >= 0) n = 1;',
    'timeout',
    6,
    'did not end within 5 s of real time: does it loop without waiting on the kernel?',
  ],
  memory: [
    '    const kept = [];\n    for (;;) kept.push(new Array(1000).fill(kept.length + 0.5));',
    'memory',
    null,
    'ran out of memory: --memory allows more',
  ],
  null: ['    throw null;', 'exception', null, 'threw null'],
  recursion: [
    '    const deeper = () => 1 + deeper();\n    deeper();',
    'exception',
    5,
    'RangeError: Maximum call stack size exceeded',
  ],
  rejects: ["    void Promise.reject(new Error('lost'));", 'exception', 5, 'nobody handles this: Error: lost'],
  spins: [
    '    for (;;) Math.sqrt(2);',
    'timeout',
    5,
    'did not end within 5 s of real time: does it loop without waiting on the kernel?',
  ],
  text: ["    throw 'just words';", 'exception', null, 'threw just words'],
};

describe('dmalab: scenarios that fail', () => {
  let folder: string;
  let result: CommandResult;
  let report: Report;

  before(async function () {
    this.timeout(120_000);
    compilePackage();
    const texts = Object.entries(failing).map(([name, [body]]) => [`${name}.ts`, scenarioText(name, body)] as const);
    folder = makeFolder({ ...Object.fromEntries(texts), 'zz-passes.ts': scenarioText('zz-passes', '') });
    result = await dmalab(folder, 'run', '.', '--json', '--timeout', '5', '--memory', '64');
    report = parseJson<Report>(result);
  });

  after(() => removeFolder(folder));

  for (const [name, [, kind, line, message]] of Object.entries(failing)) {
    it(`reports ${name}`, () => {
      const failure = report.scenarios.find((scenario) => scenario.name === name)?.failure;
      expect(failure?.kind).to.equal(kind);
      if (typeof message === 'string') expect(failure?.message).to.equal(message);
      else expect(failure?.message).to.match(message);
      expect(failure?.message).not.to.include('\n');
      expect(failure).to.include({ file: `${name}.ts`, line });
    });
  }

  it('runs what comes after a scenario that hangs or dies, and exits with 1', () => {
    expect(report.scenarios.at(-1)).to.include({ name: 'zz-passes', failure: null });
    expect(report.summary).to.include({ passed: 1, failed: Object.keys(failing).length });
    expect(result.code).to.equal(1);
    expect(result.stderr).to.equal('');
  });

  it('knows no figures of a scenario that had to be stopped', () => {
    expect(report.scenarios.find(({ name }) => name === 'loops')?.measures).to.equal(null);
    expect(report.scenarios.find(({ name }) => name === 'check')?.measures).to.include({ warnings: 0, faults: 0 });
  });
});

describe('dmalab: limits, and what happens in an interrupt', () => {
  let folder: string;
  let report: Report;
  let result: CommandResult;
  const failureOf = (name: string): Failure => report.scenarios.find((each) => each.name === name)!.failure!;

  before(async function () {
    this.timeout(120_000);
    compilePackage();
    folder = makeFolder({
      'handler.ts': throwsInHandler('handler'),
      'never.ts': scenarioText('never', "    for (;;) await (await import('dmalab')).msleep(lab.kernel, 1);"),
      'short.ts': scenarioText('short', ''),
    });
    result = await dmalab(folder, 'run', '.', '--json', '--time-limit', '12.5');
    report = parseJson<Report>(result);
  });

  after(() => removeFolder(folder));

  it('reports what an interrupt handler throws, with its line, though the interrupt stays pending', () => {
    expect(failureOf('handler')).to.include({ kind: 'exception', message: 'Error: not in here', line: 16 });
  });

  it('ends what never finishes in simulated time', () => {
    const { kind, message } = failureOf('never');
    expect(kind).to.equal('lab');
    expect(message).to.equal(
      "simulated time reached its limit of 12.5 ms: something waits or polls for what never happens; task 'main' waits for 1 ms to pass",
    );
  });

  it('repeats the limit in the command that repeats the run, and leaves others alone', () => {
    const [, never, short] = report.scenarios as (Report['scenarios'][0] & { reproduce: string })[];
    expect(never!.reproduce).to.equal('dmalab run never.ts --seed 1 --time-limit 12.5');
    expect(short!.failure).to.equal(null);
    expect(result.code).to.equal(1);
  });
});
