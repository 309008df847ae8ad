import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import path from 'node:path';

import { REPORT_IDS, REPORT_KINDS, isReportId } from '../../../lab/sanitizer/catalogue';
import { checkExpectation, judgeReports } from '../../../lab/sanitizer/expectation';
import type { SanitizerReport } from '../../../lab/sanitizer/report';

const reportOf = (id: SanitizerReport['id'], severity: SanitizerReport['severity'] = 'error'): SanitizerReport => ({
  id,
  severity,
  harm: 'possible',
  device: 'device',
  message: 'it happened',
  places: [],
  at: 0,
  picture: [],
  fix: REPORT_KINDS[id].fix,
  count: 1,
});

describe('the catalogue of reports', () => {
  it('is documented, each id once', () => {
    const text = readFileSync(path.resolve(__dirname, '../../../docs/reports.md'), 'utf8');
    const documented = [...text.matchAll(/^### (.*)$/gm)].map(([, title]) => title);
    expect([...documented].sort()).to.deep.equal([...REPORT_IDS].sort());
  });

  it('knows its ids', () => {
    expect(isReportId('DMA-LEAK')).to.equal(true);
    expect(isReportId('toString')).to.equal(false);
  });
});

describe('expectations of reports', () => {
  it('refuses ids that do not exist, and says which was meant', () => {
    expect(() => checkExpectation({ expect: ['DMA-SYNC-MISING-CPU'] })).to.throw(
      "reports.expect: there is no report 'DMA-SYNC-MISING-CPU' (DMA-SYNC-MISSING-CPU?); docs/reports.md lists them",
    );
    expect(() => checkExpectation({ expect: [7] })).to.throw('there is no report 7');
    expect(() => checkExpectation({ expected: [] })).to.throw("reports has no member 'expected'");
    expect(() => checkExpectation(null)).to.throw('reports is an object');
    expect(() => judgeReports([], { expect: () => ['nonsense' as 'DMA-LEAK'] }, {})).to.throw('there is no report');
  });

  it('fails a run for errors that nobody expected, and for expected ones that do not come', () => {
    const leak = reportOf('DMA-LEAK');
    expect(judgeReports([leak], {}, {}).failure).to.equal('DMA-LEAK: it happened');
    expect(judgeReports([leak, reportOf('DMA-MASK')], {}, {}).failure).to.equal('DMA-LEAK: it happened (and 1 more)');
    expect(judgeReports([leak], { expect: ['DMA-LEAK'] }, {}).failure).to.equal(null);
    expect(judgeReports([leak], { allow: ['DMA-LEAK'] }, {}).failure).to.equal(null);
    expect(judgeReports([], { allow: ['DMA-LEAK'] }, {}).failure).to.equal(null);
    expect(judgeReports([], { expect: ['DMA-LEAK'] }, {}).failure).to.match(/expected to report DMA-LEAK/);
    expect(judgeReports([reportOf('DMA-LEAK', 'warning')], {}, {}).failure).to.equal(null);
  });

  it('leaves out what is suppressed', () => {
    const { reports, failure } = judgeReports([reportOf('DMA-LEAK')], { suppress: ['DMA-LEAK'] }, {});
    expect({ reports, failure }).to.deep.equal({ reports: [], failure: null });
  });

  it('asks a function about the case', () => {
    const expectation = {
      expect: ({ coherency }: { coherency?: string }) => (coherency === 'off' ? ['DMA-LEAK' as const] : []),
    };
    expect(judgeReports([], expectation, { coherency: 'off' }).failure).not.to.equal(null);
    expect(judgeReports([], expectation, { coherency: 'on' }).failure).to.equal(null);
  });
});
