import { expect } from 'chai';
import pc from 'picocolors';
import type { JudgedReport } from '../../index';
import type { Outcome } from '../../cli/outcome';
import { describeCases } from '../../cli/report/case-regions';
import { paragraph } from '../../cli/report/paragraph';
import type { Terminal } from '../../cli/report/terminal';
import { TextReport } from '../../cli/report/text-report';
import { count, formatBytes, formatTime, formatWall } from '../../cli/report/units';
import { KernelLog } from '../../cli/worker/kernel-log';
import type { LogRecord } from '../../cli/worker/protocol';
import { hostTurn } from '../../cli/worker/host-turn';
import type { MatrixCase } from '../../lab/matrix/axes';
import { matrixValues } from '../../lab/matrix/check-matrix';
import { expandMatrix } from '../../lab/matrix/expand';

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

const report = (change: Partial<JudgedReport> = {}): JudgedReport => ({
  id: 'DMA-SYNC-PARTIAL',
  severity: 'error',
  harm: 'happened',
  device: 'engine',
  message: 'the CPU read bytes 0 to 511 of a mapping of 512 bytes, of which a part was synced',
  places: [
    { what: 'mapped', time: 59_040, site: '/x/one.ts:12', callers: ['/x/one.ts:80'] },
    { what: 'synced in part', time: 1_061_240, site: '/x/one.ts:20', callers: ['/x/one.ts:80', '/x/one.ts:90'] },
    { what: 'written by the device', time: 1_062_000, site: null, callers: [] },
  ],
  at: 1,
  picture: [`device wrote |${'D'.repeat(47)}.| 0..510`, `CPU read     |${'.'.repeat(47)}^| 511..511`],
  fix: 'sync all bytes that are read: dma_sync_single_range_for_cpu with the offset and length of what is used',
  count: 3,
  expected: false,
  allowed: false,
  ...change,
});

const reportAt = (width: number, outcomes: readonly Outcome[]): string[] => {
  let text = '';
  const terminal: Terminal = { width, colors: pc.createColors(false), write: (more) => void (text += more) };
  const report = new TextReport(terminal, { version: '1.0.0', seed: 1, stacks: false });
  report.start(outcomes.map(({ scenario }) => scenario));
  for (const each of outcomes) report.outcome(each);
  report.end([], { passed: outcomes.length, failed: 0, notLoaded: 0, wallMilliseconds: 1 }, null);
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

  it('tells of reports: what, where, when, the bytes and the remedy', () => {
    const lines = reportAt(100, [outcome('one', { reports: [report()] })]);
    const at = lines.findIndex((line) => line.includes('DMA-SYNC-PARTIAL'));
    expect(lines.slice(at, at + 11)).to.deep.equal([
      '    ✗ DMA-SYNC-PARTIAL  × 3  harm happened',
      '      the CPU read bytes 0 to 511 of a mapping of 512 bytes, of which a part was synced',
      '      at /x/one.ts:20, called from /x/one.ts:80, /x/one.ts:90',
      '          59.040 us  mapped                 /x/one.ts:12',
      '      ▸ 1061.240 us  synced in part         /x/one.ts:20',
      '        1062.000 us  written by the device',
      `        device wrote |${'D'.repeat(47)}.| 0..510`,
      `        CPU read     |${'.'.repeat(47)}^| 511..511`,
      '      fix: sync all bytes that are read: dma_sync_single_range_for_cpu with the offset and',
      '           length of what is used',
      '',
    ]);
  });

  it('tells of errors first, then of warnings, then of what is expected', () => {
    const known = report({ id: 'DMA-LEAK', expected: true, allowed: true });
    const warning = report({ id: 'DMA-MASK', severity: 'warning', harm: 'none' });
    const lines = reportAt(100, [outcome('one', { reports: [known, warning, report()] })]);
    expect(lines.filter((line) => /^ {4}\S DMA-/.test(line))).to.deep.equal([
      '    ✗ DMA-SYNC-PARTIAL  × 3  harm happened',
      '    ! DMA-MASK  × 3  harmless here, not on other machines',
      '    · DMA-LEAK as expected  × 3  at /x/one.ts:20',
    ]);
  });

  it('keeps reports within the terminal, too', () => {
    const long = `/${'folder/'.repeat(5)}driver.ts:1234`;
    const wide = report({
      message: 'word '.repeat(50),
      places: [{ what: 'something that takes many words to say', time: 9_999_999_999, site: long, callers: [long] }],
      at: 0,
      picture: [`a long name of a row |${'.'.repeat(47)}x| 1..2, 3..4, 5..6, …`, 'words '.repeat(30)],
    });
    for (const width of [72, 80, 110]) {
      const reports = [wide, { ...wide, allowed: true }];
      for (const line of reportAt(width, [outcome('one', { reports })])) expect(line.length, line).to.be.at.most(width);
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

describe('dmalab: naming cases', () => {
  const { cases } = expandMatrix(
    matrixValues({ translation: 'all', coherency: 'all', mask: 'all', cache: 'all' }),
    {},
    {},
  );
  const named = (isIn: (at: MatrixCase) => boolean): string => describeCases(cases, cases.filter(isIn));

  it('says it as people would', () => {
    expect(named(() => true)).to.equal('everywhere');
    expect(named(() => false)).to.equal('nowhere');
    expect(named(({ coherency }) => coherency === 'off')).to.equal('non-coherent');
    expect(named(({ coherency, cache }) => coherency === 'off' && cache === 'adversarial')).to.equal(
      'non-coherent, adversarial cache',
    );
    const bounced = ({ translation, mask }: MatrixCase): boolean =>
      /untrusted|swiotlb|restricted|confidential/.test(translation!) ||
      (mask === '32' && /direct|passthrough/.test(translation!));
    expect(named(bounced)).to.equal('bounced');
    expect(named((at) => at.coherency === 'off' || bounced(at))).to.equal('non-coherent; bounced');
    expect(named(({ translation }) => translation === 'lazy')).to.equal('lazy');
  });

  it('names single cases, and counts what would be too many', () => {
    const [one] = cases;
    expect(describeCases(cases, [one!])).to.equal('translation=direct coherency=on mask=64 cache=plain');
    const scattered = cases.filter((_, index) => index % 5 === 0);
    expect(describeCases(cases, scattered)).to.equal(`${scattered.length} of ${cases.length} cases`);
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
