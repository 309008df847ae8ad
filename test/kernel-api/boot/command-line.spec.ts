import { expect } from 'chai';

import { CommandLine } from '../../../kernel-api/boot/command-line';

describe('the command line of the kernel', () => {
  const line = new CommandLine('  quiet swiotlb=2048,force iommu.strict=0 swiotlb=64 a-b="c d" x= -- iommu.strict=1');

  it('gives the last value of a name', () => {
    expect(line.get('swiotlb')).to.equal('64');
    expect(line.get('quiet')).to.equal('');
    expect(line.get('x')).to.equal('');
    expect(line.get('nothing')).to.equal(undefined);
  });

  it('stops at what is meant for init', () => expect(line.get('iommu.strict')).to.equal('0'));

  it('keeps quoted words together, and takes - for _', () => expect(line.get('a_b')).to.equal('c d'));

  it('reads yes and no in all of their forms', () => {
    const said = (text: string): boolean | undefined => new CommandLine(`it=${text}`).getBoolean('it');
    for (const yes of ['1', 'y', 'Yes', 'true', 'on', 'ON']) expect(said(yes), yes).to.equal(true);
    for (const no of ['0', 'n', 'No', 'false', 'off']) expect(said(no), no).to.equal(false);
    for (const neither of ['', '2', 'o', 'maybe']) expect(said(neither), neither).to.equal(undefined);
  });

  it('takes anything', () => {
    for (const text of ['', ' ', '=', '"', '"a', '==', '-- --', '\0'])
      expect(() => new CommandLine(text)).not.to.throw();
  });
});
