import { expect } from 'chai';

import * as client from '../../kernel-api/dmaengine/client';
import * as gup from '../../kernel-api/mm/user/gup';
import * as scatterlist from '../../kernel-api/scatterlist/scatterlist';
import { sg_nents } from '../../kernel-api/scatterlist/sg-count';
import * as sgTable from '../../kernel-api/scatterlist/sg-table';
import { runScenario } from '../../lab/run-scenario';
import type { Scenario } from '../../lab/scenario';
import type { FailureReport } from '../../lab/scenario-result';
import { hostTurn, ramPool } from '../support/on-machine';
import {
  bypassIommu,
  copyOneByteTooMany,
  cutControllerInterrupt,
  cutEngineInterrupt,
  cutFaultInterrupt,
  cutHandshake,
  dropLastByte,
  ignoreContextInvalidation,
  ignoreHandshake,
  ignoreIotlbInvalidation,
  mapTheNextPage,
  readOneByteLate,
  recycleNothing,
  removeRevocation,
  replaceExport,
  reportSuccess,
  stopCopying,
  terminateNothing,
  unmapNothing,
  writeOneByteLess,
  type Breakage,
} from './breakages';
import { shippedScenarios } from './shipped';

/** Runs a scenario on a machine that is broken once its drivers are bound. */
const runBroken = async (scenario: Scenario, ...breakages: Breakage[]): Promise<FailureReport | null> => {
  const undo: (() => void)[] = [];
  const broken: Scenario = {
    ...scenario,
    run: (lab) => {
      for (const breakage of breakages) {
        const back = breakage(lab);
        if (typeof back === 'function') undo.push(back);
      }
      return scenario.run(lab);
    },
  };
  try {
    return (await runScenario(broken, { seed: 1, hostTurn, ramPool })).failure;
  } finally {
    for (const back of undo) back();
  }
};

/** The driver walks all original entries of a mapped list, and takes their lengths from before the mapping. */
const walkOriginalEntries: Breakage = () =>
  replaceExport(sgTable, 'for_each_sgtable_dma_sg', function* (sgt: sgTable.SgTable) {
    for (const { dma_address, length } of sgTable.for_each_sgtable_sg(sgt)) yield { dma_address, dma_length: length };
  });

/** The driver hands `orig_nents` to the controller where `nents` belongs. */
const passOrigNents: Breakage = () => {
  const { dmaengine_prep_slave_sg } = client;
  const broken: typeof dmaengine_prep_slave_sg = (chan, sgl, _nents, direction, flags) =>
    dmaengine_prep_slave_sg(chan, sgl, sg_nents(sgl), direction, flags);
  return replaceExport(client, 'dmaengine_prep_slave_sg', broken);
};

/** No entry claims more than its page. */
const keepLengthsWithinPages: Breakage = () => {
  const { sg_set_page } = scatterlist;
  const careful: typeof sg_set_page = (sg, page, len, offset) =>
    sg_set_page(sg, page, Math.min(len, 4096 - offset), offset);
  return replaceExport(scatterlist, 'sg_set_page', careful);
};

/** Pages are pinned where they should only be held. */
const pinInsteadOfHolding: Breakage = () => replaceExport(gup, 'get_user_pages_fast', gup.pin_user_pages_fast);

/** Scenario, what is broken, the breakages, and what the failure must say. */
const TABLE: readonly (readonly [string, string, readonly Breakage[], RegExp])[] = [
  ['sg-copy-iommu', 'the controller drops the last byte of each piece', [dropLastByte], /page 0 of the copy: byte/],
  ['sg-copy-iommu', 'mappings are off by one page', [mapTheNextPage], /page 0 of the copy: byte|the copy returned/],
  ['sg-copy-iommu', 'the IOMMU lets everything pass', [bypassIommu], /the copy returned -EIO/],
  ['sg-copy-iommu', 'the driver walks the original entries', [walkOriginalEntries], /the copy returned -EIO/],
  ['sg-copy-iommu', 'the controller stops half-way, silently', [stopCopying(120)], /page \d+ of the copy: byte 0/],
  ['sg-copy-iommu', 'the interrupt is cut', [cutControllerInterrupt], /the copy returned -ETIMEDOUT/],
  ['sg-copy-direct', 'the controller drops the last byte of each piece', [dropLastByte], /page 0 of the copy: byte/],
  ['sg-copy-direct', 'the controller stops half-way, silently', [stopCopying(100)], /page 100 of the copy: byte 0/],
  ['sg-copy-direct', 'the interrupt is cut', [cutControllerInterrupt], /the copy returned -ETIMEDOUT/],
  ['dmatest', 'the controller drops the last byte of each piece', [dropLastByte], /destination: byte|source: byte/],
  ['dmatest', 'the controller copies one byte too many', [copyOneByteTooMany], /guard bytes after destination/],
  ['dmatest', 'the IOTLB is never invalidated', [ignoreIotlbInvalidation], /destination: byte 0/],
  ['dmatest', 'mappings are off by one page', [mapTheNextPage], /destination: byte 0|did not end/],
  ['slave-transfers', 'the handshake is ignored', [ignoreHandshake], /what the sink received: byte/],
  ['slave-transfers', 'the peripheral never asks', [cutHandshake], /transmit returned -ETIMEDOUT/],
  ['slave-transfers', 'the interrupt is cut', [cutControllerInterrupt], /transmit returned -ETIMEDOUT/],
  ['slave-transfers', 'the driver passes orig_nents for nents', [passOrigNents], /transmit returned -EINVAL/],
  ['slave-transfers', 'mappings are off by one page', [mapTheNextPage], /transmit returned -EIO|byte/],
  ['cyclic-receive', 'the handshake is ignored', [ignoreHandshake], /period 0: byte/],
  ['cyclic-receive', 'the interrupt is cut', [cutControllerInterrupt], /period 0 did not arrive/],
  ['unmapped-access', 'the IOMMU lets everything pass', [bypassIommu], /fault records returned NULL/],
  ['unmapped-access', 'the fault queue is not drained', [cutFaultInterrupt], /fault records returned NULL/],
  ['unmapped-access', 'errors are reported as success', [reportSuccess], /should have reported an error/],
  ['unbind-careful', 'terminate_sync stops nothing', [terminateNothing], /fault records: the device was stopped/],
  [
    'unbind-careful',
    'terminate_sync stops nothing, and unmapping leaves the page table',
    [terminateNothing, unmapNothing],
    /bytes changed after unbind: expected 0/,
  ],
  ['unbind-controller', 'its driver stops nothing', [terminateNothing], /bytes changed after unbind: expected 0/],
  ['unbind-strict', 'nothing is revoked', [removeRevocation], /bytes changed after unbind: expected 0/],
  ['unbind-strict', 'the channel of the client is not stopped', [terminateNothing], /bytes changed after unbind/],
  ['own-device', 'nothing is revoked', [removeRevocation], /counter in memory, after unbind: expected/],
  ['own-device', 'the fault queue is not drained', [cutFaultInterrupt], /fault records, one for each refused attempt/],
  [
    'own-device',
    'the context cache is never invalidated',
    [ignoreContextInvalidation],
    /fault records, one for each refused/,
  ],
  ['linked-list-items', 'the engine writes a byte less', [writeOneByteLess('engine')], /destination \d+: byte/],
  ['linked-list-items', 'the interrupt is cut', [cutEngineInterrupt('engine')], /0 of 18 requests ended/],
  ['linked-list-items', 'the IOTLB is never invalidated', [ignoreIotlbInvalidation], /destination \d+: byte/],
  ['virtio-split', 'the engine writes a byte less', [writeOneByteLess('nic')], /buffer \d+: byte/],
  ['virtio-packed', 'the engine reads a byte too late', [readOneByteLate('nic')], /buffer \d+: byte|ended within/],
  ['virtio-split', 'the interrupt is cut', [cutEngineInterrupt('nic')], /0 of 18 requests ended/],
  ['virtio-packed', 'the engine writes a byte less', [writeOneByteLess('nic')], /buffer \d+: byte|ended within/],
  ['virtio-packed', 'the IOTLB is never invalidated', [ignoreIotlbInvalidation], /buffer \d+: byte|ended within/],
  ['nvme-queues', 'the engine writes a byte less', [writeOneByteLess('nvme')], /PRP read \d+: byte/],
  ['nvme-queues', 'the engine reads a byte too late', [readOneByteLate('nvme')], /PRP read \d+: byte/],
  ['axi-dma-loop', 'the receiver writes a byte less', [writeOneByteLess('s2mm')], /buffer \d+: byte/],
  ['axi-dma-loop', 'the sender reads a byte too late', [readOneByteLate('mm2s')], /buffer \d+: byte/],
  ['axi-dma-loop', "the receiver's interrupt is cut", [cutEngineInterrupt('s2mm')], /0 of 18 requests ended/],
  ['user-buffer', 'the controller drops the last byte of each piece', [dropLastByte], /the user buffer: byte 4095/],
  ['user-buffer', 'the controller copies one byte too many', [copyOneByteTooMany], /what is after the user buffer/],
  ['user-buffer', 'mappings are off by one page', [mapTheNextPage], /the user buffer: byte|the transfer returned/],
  ['user-buffer-lengths', 'the controller copies nothing', [stopCopying(0)], /what is in the first page: byte 0/],
  ['user-buffer-lengths', 'the lengths are right', [keepLengthsWithinPages], /should have written to pages of others/],
  ['user-buffer-unpinned', 'the pages are pinned', [pinInsteadOfHolding], /the buffer, which nothing should have/],
  ['user-buffer-unpinned', 'the controller copies nothing', [stopCopying(0)], /the page of the child: byte 0/],
];

describe('shipped scenarios fail when what they are about is broken', () => {
  const scenarios = shippedScenarios();

  for (const [name, what, breakages, message] of TABLE) {
    it(`${name}: ${what}`, async () => {
      const failure = await runBroken(scenarios.get(name)!, ...breakages);
      expect(failure, 'the scenario passed').not.to.equal(null);
      expect(failure!.message).to.match(message);
      expect(failure!.kind).to.equal('check');
    });
  }

  it('unbind-careless: revocation is strict, so that there is no harm to see', async () => {
    const careless = scenarios.get('unbind-careless')!;
    const failure = await runBroken({ ...careless, machine: { ...careless.machine, revocation: 'strict' } });
    expect(failure?.message).to.match(/should have done harm/);
  });

  it('cyclic-receive: finished items are not handed back', async () => {
    const cyclic = scenarios.get('cyclic-receive')!;
    // The controller asks for the next item for ever, and the CPU does nothing but answer.
    const brief = { ...cyclic, machine: { ...cyclic.machine, timeLimit: 20 } };
    expect((await runBroken(brief, recycleNothing))?.message).to.match(/simulated time reached its limit/);
  });

  it('every one of them has such a proof', () => {
    const proven = new Set(['unbind-careless', ...TABLE.map(([name]) => name)]);
    expect([...scenarios.keys()].filter((name) => !proven.has(name))).to.deep.equal([]);
  });
});
