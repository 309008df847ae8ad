import { expect } from 'chai';
import { nvmeAdmin, nvmeAdminSqe, nvmeCqe, nvmeIo, nvmeIoSqe } from '../../../devices/formats/nvme';
import { nvmePrp, nvmeSglDesc } from '../../../devices/formats/nvme-sgl';
import { canCompare, expectSameInC } from './compile';
import { expectFigures } from './figures';

describe('NVMe queues, as data', () => {
  it('have the entry sizes of the base specification: submission 64, completion 16, SGL 16, PRP 8', () => {
    const sizes = [nvmeIoSqe, nvmeAdminSqe, nvmeCqe, nvmeSglDesc, nvmePrp].map(({ size }) => size);
    expect(sizes).to.deep.equal([64, 64, 16, 16, 8]);
  });

  // Base specification, "Common Command Format" and "Command Dword 0"; bytes and bits as its figures number them.
  for (const sqe of [nvmeIoSqe, nvmeAdminSqe]) {
    it(`${sqe.typeName}: what all commands have is where the base specification has it`, () => {
      expectFigures(sqe, [
        ['OPC', 0, 7, 0],
        ['FUSE', 0, 9, 8],
        ['PSDT', 0, 15, 14],
        ['CID', 0, 31, 16],
        ['NSID', 4, 31, 0],
        ['CDW2', 8, 31, 0],
        ['CDW3', 12, 31, 0],
        ['MPTR', 16, 63, 0],
        ['DPTR.prp.PRP1', 24, 63, 0],
        ['DPTR.prp.PRP2', 32, 63, 0],
        ['DPTR.sgl.SGL1.body.data_block.addr', 24, 63, 0],
        ['DPTR.sgl.SGL1.TYPE', 39, 7, 4],
      ]);
    });
  }

  it('have the dwords of commands where the specifications have them', () => {
    // NVM Command Set specification, "Write command", "Read command", "Dataset Management command".
    expectFigures(nvmeIoSqe, [
      ['cmd.write.SLBA', 40, 63, 0],
      ['cmd.write.NLB', 48, 15, 0],
      ['cmd.write.DTYPE', 48, 23, 20],
      ['cmd.write.PRINFO', 48, 29, 26],
      ['cmd.write.FUA', 48, 30, 30],
      ['cmd.write.LR', 48, 31, 31],
      ['cmd.write.DSPEC', 52, 31, 16],
      ['cmd.write.EILBRT', 56, 31, 0],
      ['cmd.write.LBAT', 60, 15, 0],
      ['cmd.write.LBATM', 60, 31, 16],
      ['cmd.read.SLBA', 40, 63, 0],
      ['cmd.read.NLB', 48, 15, 0],
      ['cmd.dataset_management.NR', 40, 7, 0],
      ['cmd.dataset_management.AD', 44, 2, 2],
    ]);
    // Base specification, "Identify command", "Create I/O Submission Queue command", "Get Log Page command".
    expectFigures(nvmeAdminSqe, [
      ['cmd.identify.CNS', 40, 7, 0],
      ['cmd.identify.CNTID', 40, 31, 16],
      ['cmd.create_io_sq.QID', 40, 15, 0],
      ['cmd.create_io_sq.QSIZE', 40, 31, 16],
      ['cmd.create_io_sq.PC', 44, 0, 0],
      ['cmd.create_io_sq.CQID', 44, 31, 16],
      ['cmd.create_io_cq.IEN', 44, 1, 1],
      ['cmd.create_io_cq.IV', 44, 31, 16],
      ['cmd.get_log_page.LID', 40, 7, 0],
      ['cmd.get_log_page.LPO', 48, 63, 0],
      ['cmd.set_features.FID', 40, 7, 0],
      ['cmd.abort.SQID', 40, 15, 0],
      ['cmd.abort.ABORT_CID', 40, 31, 16],
    ]);
    const numd = nvmeAdminSqe.cursor();
    numd.cmd_get_log_page_NUMD = 0xabcd_1234;
    expect([numd.lanes[10]! >>> 0, numd.lanes[11]! >>> 0]).to.deep.equal([0x1234_0000, 0xabcd]);
  });

  it('have SGL descriptors and completions where the base specification has them', () => {
    expectFigures(nvmeSglDesc, [
      ['body.data_block.length', 8, 31, 0],
      ['body.last_segment.length', 8, 31, 0],
      ['body.bit_bucket.length', 8, 31, 0],
      ['body.keyed_data_block.LENGTH', 8, 23, 0],
      ['SUBTYPE', 15, 3, 0],
      ['TYPE', 15, 7, 4],
    ]);
    const keyed = nvmeSglDesc.cursor();
    keyed.body_keyed_data_block_KEY = 0x1234_5678;
    expect([keyed.lanes[2]! >>> 0, keyed.lanes[3]! >>> 0]).to.deep.equal([0x7800_0000, 0x12_3456]);
    expectFigures(nvmeCqe, [
      ['RESULT', 0, 31, 0],
      ['SQHD', 8, 15, 0],
      ['SQID', 8, 31, 16],
      ['CID', 12, 15, 0],
      ['P', 12, 16, 16],
      ['SC', 12, 24, 17],
      ['SCT', 12, 27, 25],
      ['CRD', 12, 29, 28],
      ['M', 12, 30, 30],
      ['DNR', 12, 31, 31],
    ]);
  });

  it('have the bytes of struct nvme_passthru_cmd of linux/nvme_ioctl.h, as far as that goes', function () {
    if (!canCompare('/usr/include/linux/nvme_ioctl.h')) this.skip();
    const members = { OPC: 'opcode', FLAGS: 'flags', NSID: 'nsid', CDW2: 'cdw2', CDW3: 'cdw3', MPTR: 'metadata' };
    // The kernel has lengths where PRP2 lies, and a time limit and a result after the command.
    const rest = [
      ['offsetof(struct nvme_admin_sqe, DPTR)', 'offsetof(struct nvme_passthru_cmd, addr)'],
      ['offsetof(struct nvme_admin_sqe, cmd)', 'offsetof(struct nvme_passthru_cmd, cdw10)'],
      ['sizeof(struct nvme_admin_sqe)', 'offsetof(struct nvme_passthru_cmd, timeout_ms)'],
      ...Object.entries(members).map(([our, their]) => [
        `offsetof(struct nvme_io_sqe, ${our})`,
        `offsetof(struct nvme_passthru_cmd, ${their})`,
      ]),
    ] as [string, string][];
    const all = [...new Set([...nvmeIo.descriptors, ...nvmeAdmin.descriptors])];
    expectSameInC('#include <linux/nvme_ioctl.h>', all, [], rest);
  });
});
