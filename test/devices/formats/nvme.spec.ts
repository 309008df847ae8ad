import { expect } from 'chai';
import { nvmeAdmin, nvmeAdminSqe, nvmeCqe, nvmeIo, nvmeIoSqe } from '../../../devices/formats/nvme';
import { adminOpcodes } from '../../../devices/formats/nvme-admin-commands';
import { ioOpcodes } from '../../../devices/formats/nvme-io-commands';
import { nvmePrp, nvmeSglDesc } from '../../../devices/formats/nvme-sgl';
import { canCompare, expectSameInC } from './compile';
import { expectFigures, type Figure } from './figures';

describe('NVMe queues, as data', () => {
  it('have the entry sizes of the base specification: submission 64, completion 16, SGL 16, PRP 8', () => {
    const sizes = [nvmeIoSqe, nvmeAdminSqe, nvmeCqe, nvmeSglDesc, nvmePrp].map(({ size }) => size);
    expect(sizes).to.deep.equal([64, 64, 16, 16, 8]);
  });

  // Base specification, "Common Command Format" and "Command Dword 0"; bytes and bits as its figures number them. SPDK
  // `nvme_spec.h`, `spdk_nvme_cmd`, has the same.
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
    // NVM Command Set specification 1.2, figures of command dwords 10 to 15; libnvme `types.h`, `NVME_IO_*`, has the upper
    // half of dword 12.
    const all: Figure[] = ['write', 'read', 'compare', 'verify'].flatMap((name): Figure[] => [
      [`cmd.${name}.SLBA`, 40, 63, 0],
      [`cmd.${name}.NLB`, 48, 15, 0],
      [`cmd.${name}.CETYPE`, 48, 19, 16],
      [`cmd.${name}.STC`, 48, 24, 24],
      [`cmd.${name}.PRINFO`, 48, 29, 26],
      [`cmd.${name}.FUA`, 48, 30, 30],
      [`cmd.${name}.LR`, 48, 31, 31],
      [`cmd.${name}.cdw13.extended.CEV`, 52, 15, 0],
    ]);
    expectFigures(nvmeIoSqe, [
      ...all,
      ['cmd.write.DTYPE', 48, 23, 20],
      ['cmd.write.cdw13.hints.AF', 52, 3, 0],
      ['cmd.write.cdw13.hints.AL', 52, 5, 4],
      ['cmd.write.cdw13.hints.SEQREQ', 52, 6, 6],
      ['cmd.write.cdw13.hints.INCPRS', 52, 7, 7],
      ['cmd.write.cdw13.hints.DSPEC', 52, 31, 16],
      ['cmd.write.cdw13.extended.DSPEC', 52, 31, 16],
      ['cmd.write.LBTL', 56, 31, 0],
      ['cmd.write.LBAT', 60, 15, 0],
      ['cmd.write.LBATM', 60, 31, 16],
      ['cmd.read.cdw13.hints.AF', 52, 3, 0],
      ['cmd.read.ELBTL', 56, 31, 0],
      ['cmd.read.ELBAT', 60, 15, 0],
      ['cmd.read.ELBATM', 60, 31, 16],
      ['cmd.write_uncorrectable.DTYPE', 48, 23, 20],
      ['cmd.write_uncorrectable.DSPEC', 52, 31, 16],
      ['cmd.write_zeroes.DTYPE', 48, 22, 20],
      ['cmd.write_zeroes.NSZ', 48, 23, 23],
      ['cmd.write_zeroes.DEAC', 48, 25, 25],
      ['cmd.dataset_management.NR', 40, 7, 0],
      ['cmd.dataset_management.AD', 44, 2, 2],
      ['cmd.reservation_register.RREGA', 40, 2, 0],
      ['cmd.reservation_register.IEKEY', 40, 3, 3],
      ['cmd.reservation_register.CPTPL', 40, 31, 30],
      ['cmd.reservation_acquire.RTYPE', 40, 15, 8],
      ['cmd.reservation_report.NUMD', 40, 31, 0],
      ['cmd.reservation_report.EDS', 44, 0, 0],
      ['cmd.io_management_receive.MOS', 40, 31, 16],
      ['cmd.io_management_receive.NUMD', 44, 31, 0],
      ['cmd.cancel.SQID', 40, 15, 0],
      ['cmd.cancel.CANCEL_CID', 40, 31, 16],
      ['cmd.cancel.ACODE', 44, 2, 0],
    ]);
    // Base specification, "Admin Command Set"; libnvme `ioctl.h`, `NVME_*_CDW1x_*_SHIFT` and `_MASK`, has most of them.
    expectFigures(nvmeAdminSqe, [
      ['cmd.identify.CNS', 40, 7, 0],
      ['cmd.identify.CNTID', 40, 31, 16],
      ['cmd.create_io_sq.QID', 40, 15, 0],
      ['cmd.create_io_sq.QSIZE', 40, 31, 16],
      ['cmd.create_io_sq.PC', 44, 0, 0],
      ['cmd.create_io_sq.CQID', 44, 31, 16],
      ['cmd.create_io_cq.IEN', 44, 1, 1],
      ['cmd.create_io_cq.IV', 44, 31, 16],
      ['cmd.create_io_sq.QPRIO', 44, 2, 1],
      ['cmd.create_io_sq.NVMSETID', 48, 15, 0],
      ['cmd.identify.CNSSID', 44, 15, 0],
      ['cmd.identify.CSI', 44, 31, 24],
      ['cmd.identify.UIDX', 56, 6, 0],
      ['cmd.get_log_page.LSP', 40, 14, 8],
      ['cmd.get_log_page.RAE', 40, 15, 15],
      ['cmd.get_log_page.LSI', 44, 31, 16],
      ['cmd.get_log_page.UIDX', 56, 6, 0],
      ['cmd.get_log_page.OT', 56, 23, 23],
      ['cmd.get_log_page.CSI', 56, 31, 24],
      ['cmd.get_features.SEL', 40, 10, 8],
      ['cmd.set_features.SV', 40, 31, 31],
      ['cmd.firmware_commit.FS', 40, 2, 0],
      ['cmd.firmware_commit.CA', 40, 5, 3],
      ['cmd.firmware_commit.BPID', 40, 31, 31],
      ['cmd.device_self_test.STC', 40, 3, 0],
      ['cmd.device_self_test.DSTP', 60, 31, 0],
      ['cmd.namespace_attachment.SEL', 40, 3, 0],
      ['cmd.directive_send.DOPER', 44, 7, 0],
      ['cmd.directive_send.DTYPE', 44, 15, 8],
      ['cmd.directive_send.DSPEC', 44, 31, 16],
      ['cmd.virtualization_management.ACT', 40, 3, 0],
      ['cmd.virtualization_management.RT', 40, 10, 8],
      ['cmd.virtualization_management.CNTLID', 40, 31, 16],
      ['cmd.virtualization_management.NR', 44, 15, 0],
      ['cmd.format_nvm.LBAFL', 40, 3, 0],
      ['cmd.format_nvm.MSET', 40, 4, 4],
      ['cmd.format_nvm.PI', 40, 7, 5],
      ['cmd.format_nvm.PIL', 40, 8, 8],
      ['cmd.format_nvm.SES', 40, 11, 9],
      ['cmd.format_nvm.LBAFU', 40, 13, 12],
      ['cmd.security_send.NSSF', 40, 7, 0],
      ['cmd.security_send.SECP', 40, 31, 24],
      ['cmd.security_send.TL', 44, 31, 0],
      ['cmd.security_receive.AL', 44, 31, 0],
      ['cmd.sanitize.SANACT', 40, 2, 0],
      ['cmd.sanitize.AUSE', 40, 3, 3],
      ['cmd.sanitize.OWPASS', 40, 7, 4],
      ['cmd.sanitize.OIPBP', 40, 8, 8],
      ['cmd.sanitize.NDAS', 40, 9, 9],
      ['cmd.sanitize.EMVS', 40, 10, 10],
      ['cmd.sanitize.OVRPAT', 44, 31, 0],
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

  it('say in bits 1:0 of opcodes which way data goes, but for those that create queues in memory', () => {
    const ways = [undefined, 'from-memory', 'to-memory'];
    const creating = ['create_io_sq', 'create_io_cq', 'controller_data_queue'];
    for (const { names, moves } of [ioOpcodes, adminOpcodes]) {
      for (const [name, opcode] of Object.entries(names)) {
        const way = creating.includes(name) ? undefined : ways[opcode & 3];
        expect((moves as Record<string, string>)[name], name).to.equal(way);
      }
    }
  });

  // SPDK `nvme_spec.h`, `spdk_nvme_sgl_descriptor` and `spdk_nvme_cpl`, has the same figures.
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
