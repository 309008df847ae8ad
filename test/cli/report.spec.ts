import { expect } from 'chai';
import pc from 'picocolors';
import type { Outcome } from '../../cli/outcome';
import { paragraph } from '../../cli/report/paragraph';
import type { Terminal } from '../../cli/report/terminal';
import { TextReport } from '../../cli/report/text-report';
import { count, formatBytes, formatTime, formatWall } from '../../cli/report/units';
import { KernelLog } from '../../cli/worker/kernel-log';
import type { LogRecord } from '../../cli/worker/protocol';
import { hostTurn } from '../../cli/worker/host-turn';

const outcome = (name: string, change: Partial<Outcome> = {}): Outcome => ({
  scenario: { file: '/x/one.ts', name, description: 'what it is about', matrix: {}, cases: [{}], leftOut: [] },
  case: {},
  failure: null,
  measures: {
    simulatedTime: 1_234_567,
    events: 10,
    traceHash: '00',
    warnings: 0,
    faults: 12_345,
    bytesRead: 3 << 20,
    bytesWritten: 1 << 20,
    interrupts: 99_999,
  },
  reports: [],
  notes: [],
  wallMilliseconds: 12.3,
  reproduce: 'dmalab run /x/one.ts --seed 1',
  ...change,
});

const reportAt = (width: number, outcomes: readonly Outcome[]): string[] => {
  let text = '';
  const terminal: Terminal = { width, colors: pc.createColors(false), write: (more) => void (text += more) };
  const report = new TextReport(terminal, { version: '1.0.0', seed: 1, stacks: false });
  report.start(outcomes.map(({ scenario }) => scenario));
  for (const each of outcomes) report.outcome(each);
  report.end([], { passed: outcomes.length, failed: 0, notLoaded: 0, wallMilliseconds: 1 });
  return text.split('\n');
};

describe('dmalab: the report for people', () => {
  it('keeps within the terminal, whatever is in it', () => {
    const long = 'a-very-long-name'.repeat(8);
    const notes = ['word '.repeat(80), 'x\u001b[2Jy'];
    for (const width of [72, 80, 110]) {
      const lines = reportAt(width, [outcome('short'), outcome(long, { notes })]);
      for (const line of lines) expect(line.length, line).to.be.at.most(width);
      expect(lines.join('')).not.to.include('\u001b');
    }
  });

  it('puts the figures under their names', () => {
    const lines = reportAt(80, [outcome('one')]);
    const header = lines.findIndex((line) => line.includes('simulated'));
    expect(lines.slice(header, header + 3)).to.deep.equal([
      '    scenario              simulated  DMA bytes   IRQs  faults  warnings     wall',
      '  ✓ one                     1.23 ms   4.00 MiB  99999   12345         0    12 ms',
      '    what it is about',
    ]);
  });

  it('wraps at words, and leaves what is indented alone', () => {
    expect(paragraph('one two three\n  as it is', 10, '  ', '- ').split('\n')).to.deep.equal([
      '- one two',
      '  three',
      '    as it is',
    ]);
  });

  it('shows quantities in the unit that fits', () => {
    expect([0, 999, 1000, 12_340, 5e9, 3e13].map(formatTime)).to.deep.equal([
      ...['0 ns', '999 ns', '1.00 us', '12.3 us', '5.00 s', '30000 s'],
    ]);
    expect([0, 1023, 1024, 5 << 20].map(formatBytes)).to.deep.equal(['0 B', '1023 B', '1.00 KiB', '5.00 MiB']);
    expect([0.4, 999, 1500].map(formatWall)).to.deep.equal(['0 ms', '999 ms', '1.50 s']);
    expect([count(1, 'scenario'), count(0, 'scenario')]).to.deep.equal(['1 scenario', '0 scenarios']);
  });
});

describe("dmalab: the kernel's log", () => {
  it('passes on what is to be shown, and keeps the last warnings and errors', () => {
    const sent: LogRecord[] = [];
    const log = new KernelLog('one', 'info', (record) => void sent.push(record));
    for (let round = 0; round < 9; round++) log.warn({ device: 'dma' }, `message ${round}`);
    log.error({ device: 'dma', address: 1n << 63n }, 'failed');
    log.error({ device: 'dma' }, 'failed');
    log.info({}, 'hello');
    log.debug({}, 'not shown');
    expect(log.lastMessages).to.deep.equal([
      ...[2, 3, 4, 5, 6, 7, 8].map((round) => `dma: message ${round}`),
      'dma: failed (2 times)',
    ]);
    expect(sent.map(({ message }) => message).slice(-3)).to.deep.equal(['failed', 'failed', 'hello']);
    expect(sent[9]!.fields).to.deep.equal({ device: 'dma', address: '0x8000000000000000' });
  });
});

describe('dmalab: a turn for the host', () => {
  it('comes after every promise callback that is pending, and after those that they add', async () => {
    await Promise.resolve();
    for (let round = 0; round < 100; round++) {
      let done = 0;
      const chain = async (): Promise<void> => {
        for (let link = 0; link < 50; link++) await Promise.resolve();
        done++;
      };
      void chain();
      void chain();
      await hostTurn();
      expect(done).to.equal(2);
    }
  });
});
