SELECT * FROM tbl_all_data
