#pragma once

namespace ctclip::phantom {

class Workbench;

// Each makes the finding at hand: draws what isn't given, adds layers or changes the person, and
// boxes every piece. A table of them: findings_table.cc.

// findings_nodules.cc
void make_nodule(Workbench& bench);
void make_cancer(Workbench& bench);
void make_cavitation(Workbench& bench);
void make_arteriovenous_malformation(Workbench& bench);

// findings_airspace.cc
void make_covid(Workbench& bench);
void make_crazy_paving(Workbench& bench);
void make_infiltrate(Workbench& bench);
void make_atelectasis(Workbench& bench);
void make_radiation_pneumonitis(Workbench& bench);

// findings_diffuse.cc
void make_emphysema(Workbench& bench);
void make_fibrosis(Workbench& bench);
void make_airiness_decrease(Workbench& bench);
void make_mosaic(Workbench& bench);
void make_edema(Workbench& bench);
void make_pneumoconiosis(Workbench& bench);

// findings_airways.cc
void make_bronchiectasis(Workbench& bench);
void make_bronchitis(Workbench& bench);
void make_tree_in_bud(Workbench& bench);
void make_tuberculosis(Workbench& bench);

// findings_pleura.cc
void make_effusion(Workbench& bench);
void make_hemothorax(Workbench& bench);
void make_pneumothorax(Workbench& bench);
void make_hydropneumothorax(Workbench& bench);
void make_pleural_thickening(Workbench& bench);
void make_pleural_plaques(Workbench& bench);

// findings_heart.cc
void make_wide_aorta(Workbench& bench);
void make_dissection(Workbench& bench);
void make_wide_trunk(Workbench& bench);
void make_cardiomegaly(Workbench& bench);
void make_pericardial_effusion(Workbench& bench);
void make_coronary_calcium(Workbench& bench);
void make_paracardial_fat(Workbench& bench);

// findings_mediastinum.cc
void make_lymph_nodes(Workbench& bench);
void make_thymoma(Workbench& bench);
void make_lymphoma(Workbench& bench);
void make_cyst(Workbench& bench);
void make_goiter(Workbench& bench);
void make_hiatal_hernia(Workbench& bench);
void make_diaphragmatic_hernia(Workbench& bench);
void make_pneumomediastinum(Workbench& bench);

// findings_bones.cc
void make_rib_fracture(Workbench& bench);
void make_compression_fracture(Workbench& bench);
void make_metastases(Workbench& bench);
void make_scoliosis(Workbench& bench);

// findings_wall.cc
void make_subcutaneous_emphysema(Workbench& bench);
void make_chest_wall_mass(Workbench& bench);

}  // namespace ctclip::phantom
